// The search box: words, pictures dropped, pasted or picked, and what else is looked for as chips.
const ICONS = {
  picture: ["M4 7a2 2 0 012-2h12a2 2 0 012 2v10a2 2 0 01-2 2H6a2 2 0 01-2-2z", "M4 16l4.5-4.5 4 4 3-3L20 17", "M9 9.5h.01"],
  clear: ["M7 7l10 10", "M17 7L7 17"],
  go: ["M11 17a6 6 0 100-12 6 6 0 000 12z", "M15.5 15.5L20 20"],
};
const WEIGHTS = [1, 2, 3, 0.5];
const MOST_CHIPS = 4;
const AGAIN_MS = 1500;

function button(className, parent, label, content) {
  const element = make("button", className, parent);
  element.type = "button";
  element.title = label;
  element.setAttribute("aria-label", label);
  element.append(content);
  return element;
}

class Bar {
  constructor(root, words) {
    this.words = words;
    this.root = make("div", "bar", root);
    this.root.setAttribute("role", "search");
    this.box = make("div", "box", this.root);
    this.input = make("input", "", this.box);
    Object.assign(this.input, { type: "search", placeholder: words.placeholder, spellcheck: false, autocomplete: "off", maxLength: 500 });
    this.input.setAttribute("aria-label", words.placeholder);
    this.clear = button("clear", this.box, words.clear, icon(ICONS.clear));
    this.pick = button("pick", this.box, words.pick, icon(ICONS.picture));
    this.go = button("go", this.box, words.go, icon(ICONS.go));
    this.file = make("input", "", this.root);
    Object.assign(this.file, { type: "file", accept: "image/*", hidden: true });
    this.file.setAttribute("aria-label", words.pick);
    this.chips = make("div", "chips", this.root);
    this.said = make("div", "said", this.root);
    this.said.setAttribute("role", "status");
    this.suggestions = new Suggestions(this);
    // While an input method composes, Enter takes its proposal; Safari says so by the key's old number alone.
    const composes = (event) => event.isComposing || event.keyCode === 229;
    this.input.addEventListener("keydown", (event) => { if (event.key === "Enter" && !composes(event)) this.ask(); });
    this.input.addEventListener("input", () => { this.edited = true; this.tidy(); });
    this.go.addEventListener("click", () => this.ask());
    this.clear.addEventListener("click", () => {
      this.input.value = "";
      this.input.focus();
      this.asked = null;
      this.edited = false;
      this.tell("cleared", Date.now());
    });
    this.pick.addEventListener("click", () => this.file.click());
    this.file.addEventListener("change", () => { if (this.file.files.length) this.bring(this.file.files[0]); this.file.value = ""; });
    // Streamlit says in its own element whether a page is being drawn.
    this.app = document.querySelector("[data-testid=stApp]");
    this.running = new MutationObserver(() => this.wait());
    if (this.app) this.running.observe(this.app, { attributeFilter: ["data-test-script-state"] });
    this.listening = new AbortController();
    const listen = (name, heard) => document.addEventListener(name, heard, { signal: this.listening.signal });
    listen("dragover", (event) => { if (carries(event.dataTransfer)) { event.preventDefault(); this.box.classList.add("over"); } });
    listen("dragleave", (event) => { if (!event.relatedTarget) this.box.classList.remove("over"); });
    listen("drop", (event) => {
      this.box.classList.remove("over");
      const file = picture(event.dataTransfer?.files);
      if (file) { event.preventDefault(); this.bring(file); }
    });
    listen("paste", (event) => {
      const file = picture(event.clipboardData?.files);
      if (file) { event.preventDefault(); this.bring(file); }
    });
    listen("keydown", (event) => {
      const typing = event.composedPath().some((one) => ["INPUT", "TEXTAREA", "SELECT"].includes(one.tagName) || one.isContentEditable);
      if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) { event.preventDefault(); this.input.focus(); this.input.select(); }
    });
  }

  ask() {
    this.edited = false;
    this.suggestions.note(this.input.value);
    this.send({ text: this.input.value, time: Math.max(Date.now(), (this.asked?.time || 0) + 1) });
  }

  // Questions that come faster than answers may be lost on their way: the last is sent until it is answered.
  send(asked) {
    this.asked = asked;
    this.wait();
    this.tell("asked", asked);
    clearTimeout(this.again);
    this.again = setTimeout(() => { if (this.asked) this.send(this.asked); }, this.draws() ? 4 * AGAIN_MS : AGAIN_MS);
  }

  draws() { return this.app?.getAttribute("data-test-script-state") === "running"; }

  wait() { this.root.setAttribute("aria-busy", String(Boolean(this.asked) || this.draws())); }

  async bring(file) {
    this.said.textContent = this.words.bringing;
    try {
      if (file.size > this.data.most) throw new Error(this.words.large);
      const answer = await fetch(`${this.data.upload}&name=${encodeURIComponent(file.name)}`, { method: "POST", body: file });
      const told = await answer.json();
      if (!answer.ok) throw new Error(told.error);
      this.said.textContent = "";
      this.tell("brought", told.key);
    } catch (error) {
      this.said.textContent = error.message || this.words.failed;
    }
  }

  tidy() { this.clear.hidden = !this.input.value && !this.data.chips.length; }

  show(data, tell) {
    this.data = data;
    this.tell = tell;
    const isOurs = this.asked && data.answered >= this.asked.time;
    if (isOurs) this.asked = null;
    // What was typed since is the visitor's, and so is what could not be understood.
    const isTheirs = this.asked || (isOurs && (this.edited || data.said));
    if (!isTheirs && (isOurs || data.text !== this.text)) { this.input.value = data.text; this.edited = false; }
    this.text = data.text;
    this.wait();
    this.said.textContent = data.said;
    this.chips.replaceChildren();
    // Many would take half of a small screen: the first few tell, the others come when asked for.
    const shown = this.unfolds || data.chips.length <= MOST_CHIPS + 1 ? data.chips.length : MOST_CHIPS;
    data.chips.slice(0, shown).forEach((each, place) => this.chip(each, place));
    if (shown < data.chips.length) {
      const rest = make("button", "rest", this.chips, `+${data.chips.length - shown} ${this.words.rest}`);
      rest.type = "button";
      rest.addEventListener("click", () => { this.unfolds = true; this.show(this.data, this.tell); });
    }
    this.tidy();
  }

  chip(each, place) {
    const words = this.words, avoid = each.weight < 0, size = Math.abs(each.weight);
    const chip = make("span", avoid ? "chip avoid" : "chip", this.chips);
    if (each.src) {
      const image = make("img", "", chip);
      image.src = each.src;
      image.alt = "";
    }
    const text = make("span", "text", chip);
    text.textContent = (avoid ? words.not : "") + each.text;
    text.title = each.text;
    const weigh = (weight) => this.tell("weighed", { place, weight, time: Date.now() });
    const next = WEIGHTS[(WEIGHTS.indexOf(size) + 1) % WEIGHTS.length];
    button("weight", chip, `×${size} ${words.weight}: ${each.text}`, `×${size}`).addEventListener("click", () => weigh(avoid ? -next : next));
    button("sign", chip, `${avoid ? words.seek : words.avoid}: ${each.text}`, avoid ? "+" : "−").addEventListener("click", () => weigh(-each.weight));
    button("off", chip, `${words.off}: ${each.text}`, "✕").addEventListener("click", () => weigh(null));
  }
}

function carries(transfer) { return [...(transfer?.items || [])].some((item) => item.kind === "file"); }
function picture(files) { return [...(files || [])].find((file) => file.type.startsWith("image/") || !file.type); }

const bars = new WeakMap();

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const root = parentElement.querySelector(".root");
  let bar = bars.get(root);
  if (!bar) bars.set(root, (bar = new Bar(root, data.words)));
  bar.show(data, setTriggerValue);
  return () => {
    bar.listening.abort();
    bar.running.disconnect();
    clearTimeout(bar.again);
    bars.delete(root);
  };
}
