// A justified grid of pictures. Names, captions and the like are only ever set as text or as attributes.
const ICONS = {
  mark: ["M5 12.5l4.5 4.5L19 7.5"],
  fold: ["M7 12h10"],
  like: ["M4 8a2 2 0 012-2h8a2 2 0 012 2v8a2 2 0 01-2 2H6a2 2 0 01-2-2z", "M20 9v9a3 3 0 01-3 3H9"],
};
const GAP = 6, LINE = 54, HELD_MS = 450, HEADING = 44;

// Cut pictures of these aspects into rows that fill `width`; returns [left, top, width, height] for each, and the end.
function justified(aspects, width, target, top) {
  const places = [];
  let row = [], sum = 0;
  const flush = (height, isFull) => {
    let left = 0;
    row.forEach((aspect, place) => {
      // The last of a full row ends at the edge, whatever rounding left over.
      const wide = isFull && place === row.length - 1 ? width - left : Math.round(aspect * height);
      places.push([left, top, wide, height]);
      left += wide + GAP;
    });
    top += height + GAP;
    row = []; sum = 0;
  };
  for (const aspect of aspects) {
    row.push(aspect);
    sum += aspect;
    const height = (width - GAP * (row.length - 1)) / sum;
    if (height <= target) flush(Math.max(40, Math.round(height)), true);
  }
  if (row.length) flush(Math.min(target, Math.floor((width - GAP * (row.length - 1)) / sum)), false);
  return [places, top];
}

class Grid {
  constructor(root) {
    // A list may hold nothing but its items: the line and the end stand beside it.
    this.frame = make("div", "frame", root);
    this.root = make("div", "grid", this.frame);
    this.root.setAttribute("role", "list");
    this.line = make("div", "line", this.frame);
    this.line.setAttribute("role", "separator");
    this.end = make("div", "end", this.frame);
    this.headings = [];
    this.note = make("p", "note", this.frame);
    this.tiles = new Map();
    this.chosen = new Set();
    this.active = 0;
    this.asked = -1;
    this.width = 0;
    this.resizing = new ResizeObserver(() => {
      if (this.root.clientWidth !== this.width) this.place(false);
    });
    this.resizing.observe(this.root);
    this.seeing = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) this.more();
    }, { rootMargin: "1400px" });
    this.seeing.observe(this.end);
    this.root.addEventListener("keydown", (event) => this.key(event));
    this.listening = new AbortController();
    document.addEventListener("photoseek-who", () => this.offer(), { signal: this.listening.signal });
    this.source = {
      items: () => this.data.tiles,
      more: () => this.more(),
      focus: (last) => this.rove([...this.tiles.keys()].indexOf(last), true),
    };
  }

  more() {
    if (!this.data?.more || this.asked === this.data.shown) return;
    this.asked = this.data.shown;
    this.tell("more", this.asked);
  }

  show(data, tell, keep) {
    this.data = data;
    this.tell = tell;
    this.keep = keep;
    this.root.setAttribute("aria-label", data.label);
    if (data.choice !== this.choice) {
      this.choice = data.choice;
      this.chosen = new Set(data.chosen);
    }
    if (data.question !== this.question) {
      this.question = data.question;
      this.asked = -1;
      this.active = 0;
    }
    this.root.classList.toggle("choosing", this.chosen.size > 0);
    const before = this.tiles;
    this.tiles = new Map();
    for (const each of data.tiles) {
      const tile = before.get(each.id) || this.tile(each.id);
      before.delete(each.id);
      this.tiles.set(each.id, tile);
      this.fill(tile, each);
    }
    for (const tile of before.values()) tile.root.remove();
    // In the order shown, for the keyboard and for screen readers; a tile that stands right is not touched.
    let next = this.root.firstChild;
    for (const tile of this.tiles.values()) {
      if (tile.root === next) next = next.nextSibling;
      else this.root.insertBefore(tile.root, next);
    }
    this.active = Math.min(this.active, Math.max(0, data.tiles.length - 1));
    this.rove(this.active, false);
    this.place(true);
    if (data.question) (this.scroll ??= new Scroll()).show(data.question);
    // The end may have stayed in sight: look anew.
    this.seeing.unobserve(this.end);
    this.seeing.observe(this.end);
    this.offer();
  }

  // Tell the viewer what is here: it may show one of these without its neighbours.
  offer() { document.dispatchEvent(new CustomEvent("photoseek-items", { detail: this.source })); }

  tile(id) {
    const root = make("div", "tile new");
    root.setAttribute("role", "listitem");
    const open = make("button", "open", root);
    const image = make("img", "", open);
    image.loading = "lazy";
    image.decoding = "async";
    image.addEventListener("load", () => root.classList.add("loaded"));
    image.addEventListener("error", () => { if (image.getAttribute("src")) root.classList.add("gone"); });
    const shade = make("span", "shade", root);
    const name = make("span", "name", shade), facts = make("span", "facts", shade);
    const mark = make("button", "mark", root), like = make("button", "like", root);
    mark.append(icon(ICONS.mark));
    like.append(icon(ICONS.like));
    this.pressing(open, id);
    open.addEventListener("click", (event) => {
      if (this.pressed === id) this.pressed = null;
      else if (event.shiftKey || this.chosen.size) this.choose(id);
      else openViewer({ id, ...this.source });
    });
    mark.addEventListener("click", () => this.choose(id));
    like.addEventListener("click", () => this.tell("liked", id));
    root.addEventListener("focusin", () => this.rove([...this.tiles.keys()].indexOf(id), false));
    return { root, open, image, name, facts, mark, like, extras: [] };
  }

  // A finger that stays chooses, as in other galleries: there is no room for a mark on every picture.
  pressing(open, id) {
    let waiting = 0;
    const end = () => clearTimeout(waiting);
    open.addEventListener("pointerdown", (event) => {
      this.pressed = null;
      if (event.pointerType === "mouse" || !this.data.choosable) return;
      waiting = setTimeout(() => {
        this.pressed = id;
        this.choose(id);
      }, HELD_MS);
    });
    for (const name of ["pointerup", "pointercancel", "pointerleave", "pointermove"])
      open.addEventListener(name, (event) => { if (name !== "pointermove" || Math.hypot(event.movementX, event.movementY) > 4) end(); });
    open.addEventListener("contextmenu", (event) => { if (this.pressed === id) event.preventDefault(); });
  }

  fill(tile, each) {
    if (tile.image.getAttribute("src") !== each.src) {
      tile.root.classList.remove("loaded", "gone");
      tile.image.src = each.src;
    }
    tile.image.alt = each.alt;
    tile.open.dataset.gone = `${each.name} — ${this.data.words.gone}`;
    // Just what is written on it: who speaks to the page says what is to be seen.
    tile.open.setAttribute("aria-label", `${each.caption || each.name} ${each.facts}`.trim());
    tile.name.textContent = each.caption || each.name;
    tile.facts.textContent = each.facts;
    tile.root.classList.toggle("weak", Boolean(each.weak));
    tile.root.classList.toggle("unfolded", Boolean(each.unfolded));
    tile.root.classList.toggle("chosen", this.chosen.has(each.id));
    tile.mark.hidden = !this.data.choosable;
    tile.mark.setAttribute("aria-pressed", String(this.chosen.has(each.id)));
    tile.mark.setAttribute("aria-label", `${this.data.words.choose}: ${each.name}`);
    tile.like.setAttribute("aria-label", `${this.data.words.like}: ${each.name}`);
    tile.like.title = this.data.words.like;
    tile.mark.title = this.data.words.choose;
    for (const extra of tile.extras) extra.remove();
    tile.extras = [];
    tile.stack = null;
    if (each.folded) this.stack(tile, each);
    if (each.badge) this.extra(tile, each.folded ? "badge beside" : "badge", each.badge);
    if (each.moved) this.extra(tile, `moved ${each.moved > 0 ? "up" : "down"}`, `${each.moved > 0 ? "▲" : "▼"}${Math.abs(each.moved)}`);
    if (each.box) {
      const [left, top, right, bottom] = each.box.map((share) => 100 * share);
      const box = this.extra(tile, "box", "");
      Object.assign(box.style, { left: `${left}%`, top: `${top}%`, width: `${right - left}%`, height: `${bottom - top}%` });
    }
  }

  // What lays out, or takes back, the pictures that are folded under this one.
  stack(tile, each) {
    const words = this.data.words, button = make("button", "stack", tile.root);
    button.type = "button";
    button.title = (each.unfolded ? words.fold : words.unfold).replace("{}", each.folded);
    button.setAttribute("aria-label", `${button.title} ${each.name}`);
    button.setAttribute("aria-expanded", String(Boolean(each.unfolded)));
    button.tabIndex = tile.open.tabIndex;
    if (each.unfolded) button.append(icon(ICONS.fold));
    else button.textContent = `+${each.folded}`;
    button.addEventListener("click", () => this.tell("unfolded", each.id));
    tile.extras.push(button);
    tile.stack = button;
  }

  extra(tile, className, text) {
    const element = make("span", className, tile.root);
    element.textContent = text;
    tile.extras.push(element);
    return element;
  }

  place() {
    const width = this.width = this.root.clientWidth;
    if (!width || !this.data) return;
    const target = this.data.height || (width < 600 ? 132 : width < 1100 ? 190 : 224);
    const aspects = this.data.tiles.map((each) => Math.min(3.2, Math.max(0.45, each.w / each.h)));
    const line = this.data.line > 0 && this.data.line < aspects.length ? this.data.line : 0;
    const groups = this.data.groups || [];
    const starts = [...new Set([0, ...groups.map(([at]) => at), line])].sort((one, other) => one - other);
    const places = [];
    let bottom = 0;
    this.headings.forEach((heading) => heading.remove());
    this.headings = [];
    starts.forEach((start, number) => {
      const group = groups.find(([at]) => at === start);
      if (group) {
        const heading = make("h2", "heading", this.frame, group[1]);
        heading.style.top = `${bottom + (number ? HEADING / 3 : 0)}px`;
        this.headings.push(heading);
        bottom += number ? HEADING * 1.2 : HEADING;
      }
      if (line && start === line) {
        this.line.style.top = `${bottom + LINE / 2 - 10}px`;
        this.line.textContent = this.data.words.line;
        bottom += LINE;
      }
      const [more, end] = justified(aspects.slice(start, starts[number + 1]), width, target, bottom);
      places.push(...more);
      bottom = end;
    });
    this.line.style.display = line ? "" : "none";
    this.places = places;
    [...this.tiles.values()].forEach((tile, place) => {
      const [left, top, wide, high] = places[place];
      Object.assign(tile.root.style, { width: `${wide}px`, height: `${high}px`, transform: `translate(${left}px, ${top}px)` });
    });
    // A tile glides from place to place, but does not come from afar when it is new.
    requestAnimationFrame(() => requestAnimationFrame(() => { for (const tile of this.tiles.values()) tile.root.classList.remove("new"); }));
    this.note.textContent = this.data.end;
    this.note.style.top = `${bottom}px`;
    this.root.style.height = `${Math.max(0, bottom - GAP) + (this.data.end ? LINE : 0)}px`;
    this.end.style.top = `${Math.max(0, bottom - GAP)}px`;
  }

  choose(id) {
    if (!this.data.choosable) return;
    if (!this.chosen.delete(id)) this.chosen.add(id);
    const tile = this.tiles.get(id);
    tile.root.classList.toggle("chosen", this.chosen.has(id));
    tile.mark.setAttribute("aria-pressed", String(this.chosen.has(id)));
    this.root.classList.toggle("choosing", this.chosen.size > 0);
    this.keep("chosen", [...this.chosen]);
  }

  // One stop for the Tab key, at the tile last looked at; the arrows go from tile to tile.
  rove(place, focus) {
    const tiles = [...this.tiles.values()];
    if (!tiles.length || place < 0) return;
    this.active = place;
    tiles.forEach((tile, other) => {
      const index = other === place ? 0 : -1;
      tile.open.tabIndex = tile.mark.tabIndex = tile.like.tabIndex = index;
      if (tile.stack) tile.stack.tabIndex = index;
    });
    if (focus) {
      tiles[place].open.focus();
      tiles[place].root.scrollIntoView({ block: "nearest" });
    }
  }

  key(event) {
    const last = this.tiles.size - 1;
    let to = null;
    if (event.key === "ArrowRight") to = Math.min(last, this.active + 1);
    else if (event.key === "ArrowLeft") to = Math.max(0, this.active - 1);
    else if (event.key === "Home") to = 0;
    else if (event.key === "End") to = last;
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") to = this.row(event.key === "ArrowDown" ? 1 : -1);
    else if (event.key === "u") [...this.tiles.values()][this.active].stack?.click();
    else if (event.key === "x") this.choose([...this.tiles.keys()][this.active]);
    else return;
    event.preventDefault();
    if (to !== null) this.rove(to, true);
  }

  // The tile of the next row whose middle is nearest.
  row(step) {
    const [left, top, wide] = this.places[this.active];
    const tops = [...new Set(this.places.map((place) => place[1]))];
    const wanted = tops[tops.indexOf(top) + step];
    if (wanted === undefined) return this.active;
    const away = (place) => Math.abs(place[0] + place[2] / 2 - left - wide / 2);
    let best = this.active, least = Infinity;
    this.places.forEach((place, index) => {
      if (place[1] === wanted && away(place) < least) [best, least] = [index, away(place)];
    });
    return best;
  }

  stop() {
    this.resizing.disconnect();
    this.seeing.disconnect();
    this.scroll?.stop();
    this.listening.abort();
  }
}

const grids = new WeakMap();

export default function (component) {
  const { parentElement, data, setTriggerValue, setStateValue } = component;
  const root = parentElement.querySelector(".root");
  let grid = grids.get(root);
  if (!grid) grids.set(root, (grid = new Grid(root)));
  grid.show(data, setTriggerValue, setStateValue);
  return () => {
    grid.stop();
    grids.delete(root);
  };
}
