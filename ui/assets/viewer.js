// The viewer: a dialog over the page, opened in the browser at once and filled as the server answers.
const ICONS = {
  close: ["M6 6l12 12", "M18 6L6 18"],
  previous: ["M15 5l-7 7 7 7"],
  next: ["M9 5l7 7-7 7"],
  closer: ["M11 18a7 7 0 100-14 7 7 0 000 14z", "M16.5 16.5L21 21", "M11 8v6", "M8 11h6"],
  further: ["M11 18a7 7 0 100-14 7 7 0 000 14z", "M16.5 16.5L21 21", "M8 11h6"],
  full: ["M4 9V4h5", "M15 4h5v5", "M20 15v5h-5", "M9 20H4v-5"],
  about: ["M12 21a9 9 0 100-18 9 9 0 000 18z", "M12 11v5", "M12 8h.01"],
  like: ["M4 8a2 2 0 012-2h8a2 2 0 012 2v8a2 2 0 01-2 2H6a2 2 0 01-2-2z", "M20 9v9a3 3 0 01-3 3H9"],
  save: ["M12 4v11", "M7 11l5 5 5-5", "M5 20h14"],
  copy: ["M9 9h10v11H9z", "M6 15H5V4h10v2"],
};
const PANEL = "photoseek-viewer-about", SETTLED_MS = 250;

class Viewer {
  constructor(root) {
    this.dialog = make("dialog", "viewer", root);
    const bar = make("div", "bar", this.dialog);
    this.buttons = {};
    this.button("close", bar, () => this.close());
    this.title = make("div", "title", bar);
    this.count = make("span", "count", this.title);
    this.button("further", bar, () => this.stage.zoom(1 / 1.6));
    this.button("closer", bar, () => this.stage.zoom(1.6));
    this.button("like", bar, () => this.leave({ t: [`id:${this.item.id}`] }));
    this.button("copy", bar, () => this.copy());
    this.save = make("a", "tool", bar);
    this.save.append(icon(ICONS.save));
    this.button("full", bar, () => (document.fullscreenElement ? document.exitFullscreen() : this.dialog.requestFullscreen()));
    this.button("about", bar, () => this.panel(!this.isPanel));
    const middle = make("div", "middle", this.dialog);
    this.stage = new Stage(middle, this);
    this.said = make("p", "said", this.stage.root);
    this.said.setAttribute("role", "status");
    this.button("previous", this.stage.root, () => this.step(-1));
    this.button("next", this.stage.root, () => this.step(1));
    this.facts = new Facts(middle, this);
    this.dialog.addEventListener("cancel", (event) => { event.preventDefault(); this.close(); });
    this.dialog.addEventListener("keydown", (event) => this.key(event));
    this.listening = new AbortController();
    const { signal } = this.listening;
    document.addEventListener("photoseek-open", (event) => {
      event.preventDefault();
      this.open(event.detail);
    }, { signal });
    // A visit that begins with one picture gets its neighbours with the grid that it stands in.
    document.addEventListener("photoseek-items", (event) => {
      if (!this.dialog.open || this.source.focus || !event.detail.items().some((item) => item.id === this.item.id)) return;
      this.source = event.detail;
      this.number();
    }, { signal });
    // Before Streamlit hears of it: stepping in and out of the viewer is not another page.
    window.addEventListener("popstate", (event) => this.popped(event), { signal, capture: true });
    let isOpen = matchMedia("(min-width: 900px)").matches;
    try { isOpen = (localStorage.getItem(PANEL) ?? String(isOpen)) === "true"; } catch { /* not kept, then */ }
    this.panel(isOpen, false);
  }

  button(name, parent, act) {
    const button = make("button", parent.className === "bar" ? "tool" : `side ${name}`, parent);
    button.type = "button";
    button.append(icon(ICONS[name]));
    button.addEventListener("click", act);
    button.addEventListener("pointerdown", (event) => event.stopPropagation());
    button.addEventListener("dblclick", (event) => event.stopPropagation());
    this.buttons[name] = button;
  }

  show(data, tell) {
    const isFirst = !this.data;
    this.data = data;
    this.tell = tell;
    this.dialog.setAttribute("aria-label", data.words.viewer);
    for (const [name, button] of Object.entries(this.buttons)) {
      button.setAttribute("aria-label", data.words[name]);
      button.title = data.words[name];
    }
    this.save.setAttribute("aria-label", data.words.save);
    this.save.title = data.words.save;
    if (isFirst && data.opened && new URLSearchParams(location.search).has("image")) {
      this.open({ items: () => [data.opened], id: data.opened.id });
      document.dispatchEvent(new CustomEvent("photoseek-who"));
    } else if (!this.dialog.open) this.tidy();
  }

  // `source` tells the items to leaf through, which may grow, and takes the focus back.
  open(source) {
    this.source = source;
    this.go(source.id);
    if (this.dialog.open) return;
    this.dialog.showModal();
    this.stage.fit();
    this.stage.root.focus?.();
  }

  look(items, id) {
    const before = this.source;
    this.open({ items: () => items, id, focus: before?.focus });
  }

  go(id) {
    const items = this.source.items(), place = items.findIndex((item) => item.id === id);
    if (place < 0) return;
    const item = this.item = items[place];
    this.said.textContent = item.src ? "" : this.data.words.absent;
    this.title.replaceChildren(item.caption || item.name, this.count);
    this.number();
    this.save.removeAttribute("href");
    this.stage.show(item);
    this.facts.clear(item, this.data.words);
    this.point(id);
    if (item.src) this.fill(item, items[place + 1], items[place - 1]);
    if (place > items.length - 8) this.source.more?.();
  }

  number() {
    const items = this.source.items(), place = items.findIndex((item) => item.id === this.item.id);
    this.count.textContent = items.length > 1 ? `${(place + 1).toLocaleString()} / ${items.length.toLocaleString()}` : "";
    this.buttons.previous.hidden = place === 0;
    this.buttons.next.hidden = place === items.length - 1;
  }

  async fill(item, ...neighbours) {
    const isGone = () => this.item !== item;
    const ask = async (what) => {
      const answer = await fetch(addressOf(item, `${what}/${item.id}`));
      const told = await answer.json();
      if (!answer.ok) throw new Error(told.error);
      return told;
    };
    try {
      const facts = await ask("facts");
      if (isGone()) return;
      this.known = facts;
      this.save.href = facts.file;
      this.save.download = facts.name;
      this.stage.sharpen(facts);
      this.facts.show(facts);
      // Whoever leafs quickly asks for no more than this.
      await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
      if (isGone() || !this.dialog.open) return;
      for (const other of neighbours) if (other) prefetch(other);
      ask("similar").then((items) => isGone() || this.facts.showSimilar(items), () => isGone() || this.facts.showSimilar([]));
      ask("labels").then((labels) => isGone() || this.facts.showLabels(labels), () => isGone() || this.facts.showLabels([]));
    } catch (error) {
      if (!isGone()) this.said.textContent = error.message || this.data.words.failed;
    }
  }

  failed() { if (this.item?.src) this.said.textContent = this.data.words.gone; }

  step(by) {
    const items = this.source.items(), next = items[items.findIndex((item) => item.id === this.item.id) + by];
    if (next) this.go(next.id);
  }

  panel(isOpen, isKept = true) {
    this.isPanel = isOpen;
    this.dialog.classList.toggle("about", isOpen);
    this.buttons.about.setAttribute("aria-expanded", String(isOpen));
    this.facts.root.hidden = !isOpen;
    if (isKept) try { localStorage.setItem(PANEL, String(isOpen)); } catch { /* not kept, then */ }
  }

  async copy() {
    const words = this.data.words, path = this.known?.path ?? this.item.name;
    try {
      await navigator.clipboard.writeText(path);
      this.said.textContent = words.copied;
    } catch {
      this.said.textContent = path;
    }
    setTimeout(() => { this.said.textContent = ""; }, 2500);
  }

  key(event) {
    const typing = event.composedPath().some((one) => one.tagName === "INPUT");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const { stage } = this, far = 120;
    const pans = { ArrowLeft: [far, 0], ArrowRight: [-far, 0], ArrowUp: [0, far], ArrowDown: [0, -far] };
    if (pans[event.key] && !stage.isFitted) stage.pan(...pans[event.key]);
    else if (event.key === "ArrowRight" || event.key === "PageDown") this.step(1);
    else if (event.key === "ArrowLeft" || event.key === "PageUp") this.step(-1);
    else if (event.key === "+" || event.key === "=") stage.zoom(1.6);
    else if (event.key === "-") stage.zoom(1 / 1.6);
    else if (event.key === "0") stage.zoom(stage.least / stage.scale);
    else if (event.key === "i") this.panel(!this.isPanel);
    else if (event.key === "f") this.buttons.full.click();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // The address speaks of the picture: it can be shared, and the browser's way back closes the viewer.

  point(id) {
    const address = new URL(location.href);
    address.searchParams.set("image", id);
    const isOurs = this.dialog.open || address.href === location.href;
    history[isOurs ? "replaceState" : "pushState"]({ ...history.state, photoseekImage: isOurs ? history.state?.photoseekImage : id }, "", address);
  }

  tidy() {
    const address = new URL(location.href);
    if (!address.searchParams.has("image")) return;
    address.searchParams.delete("image");
    history.replaceState(history.state, "", address);
  }

  popped(event) {
    if (!this.dialog.open) return;
    event.stopImmediatePropagation();
    this.shut();
    this.closed?.();
  }

  // Resolves when the address is that of the page again.
  close() {
    if (!history.state?.photoseekImage) {
      this.shut();
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.closed = resolve;
      history.back();
    });
  }

  shut() {
    if (document.fullscreenElement) document.exitFullscreen();
    this.dialog.close();
    this.tidy();
    this.stage.image.removeAttribute("src");
    this.stage.item = null;
    this.source?.focus?.(this.item.id);
  }

  async leave(wanted) {
    await this.close();
    this.tell("wanted", wanted);
  }

  stop() {
    this.listening.abort();
    this.stage.stop();
    if (this.dialog.open) this.dialog.close();
  }
}

function prefetch(item) {
  if (!item.src) return;
  fetch(addressOf(item, `facts/${item.id}`)).then((answer) => answer.json()).then((facts) => { new Image().src = facts.screen; }, () => {});
}

const viewers = new WeakMap();

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const root = parentElement.querySelector(".root");
  let viewer = viewers.get(root);
  if (!viewer) viewers.set(root, (viewer = new Viewer(root)));
  viewer.show(data, setTriggerValue);
  return () => {
    viewer.stop();
    viewers.delete(root);
  };
}
