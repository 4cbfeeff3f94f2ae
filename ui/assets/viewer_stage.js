// The picture itself: fitted, then as close as one likes. What is shown first is small; tiles of the full size follow.
const CLOSEST = 3, SWIPE = 60;

class Stage {
  constructor(parent, viewer) {
    this.viewer = viewer;
    this.root = make("div", "stage", parent);
    this.image = make("img", "picture", this.root);
    this.image.draggable = false;
    this.canvas = make("canvas", "", this.root);
    this.canvas.setAttribute("aria-hidden", "true");
    this.box = make("div", "box", this.root);
    this.pointers = new Map();
    this.tiles = new Map();
    this.resizing = new ResizeObserver(() => this.fit());
    this.resizing.observe(this.root);
    const on = (name, act, options) => this.root.addEventListener(name, act, options);
    on("pointerdown", (event) => this.down(event));
    on("pointermove", (event) => this.move(event));
    on("pointerup", (event) => this.up(event));
    on("pointercancel", (event) => this.up(event));
    on("wheel", (event) => this.wheel(event), { passive: false });
    on("dblclick", (event) => this.toggle(...this.at(event)));
    this.image.addEventListener("load", () => {
      if (this.item && !this.item.w) this.measure(this.image.naturalWidth, this.image.naturalHeight);
    });
    this.image.addEventListener("error", () => this.viewer.failed());
  }

  // Show an item of a grid: its thumbnail at once, which the browser has already.
  show(item) {
    this.item = item;
    this.facts = null;
    this.tiles.clear();
    this.wanted = item.src;
    this.image.src = item.src || "";
    this.image.alt = item.alt || item.name;
    this.image.hidden = !item.src;
    this.isFitted = true;
    this.box.hidden = !item.box;
    this.fit();
  }

  measure(w, h) {
    this.item.w = w;
    this.item.h = h;
    this.fit();
  }

  // The addresses of the rest have come.
  sharpen(facts) {
    this.facts = facts;
    this.measure(facts.w, facts.h);
    const larger = new Image();
    larger.onload = () => {
      if (this.facts !== facts) return;
      this.image.src = facts.screen;
      this.draw();
    };
    larger.src = facts.screen;
    this.draw();
  }

  get size() { return [this.item?.w || 1, this.item?.h || 1]; }

  fit() {
    this.width = this.root.clientWidth;
    this.height = this.root.clientHeight;
    if (!this.width || !this.item) return;
    const [w, h] = this.size;
    this.least = Math.min(this.width / w, this.height / h, 1);
    // A strip that fits is a thread: as close as its shorter side fills the stage, whatever its longer one.
    this.most = Math.max(CLOSEST, 4 * this.least, Math.max(this.width / w, this.height / h));
    if (this.isFitted) this.scale = this.least;
    this.hold();
  }

  // Keep the picture over the stage, in its middle where it is smaller.
  hold() {
    const [w, h] = this.size;
    const kept = (at, side, room) => (side <= room ? (room - side) / 2 : Math.min(0, Math.max(room - side, at)));
    this.x = kept(this.x || 0, w * this.scale, this.width);
    this.y = kept(this.y || 0, h * this.scale, this.height);
    this.draw();
  }

  zoom(factor, x = this.width / 2, y = this.height / 2) {
    const scale = Math.min(this.most, Math.max(this.least, this.scale * factor)), ratio = scale / this.scale;
    this.x = x - (x - this.x) * ratio;
    this.y = y - (y - this.y) * ratio;
    this.scale = scale;
    this.isFitted = scale <= this.least * 1.001;
    this.hold();
  }

  toggle(x, y) {
    const [w, h] = this.size, filled = Math.max(this.width / w, this.height / h);
    const close = Math.max(1 / (window.devicePixelRatio || 1), 2.5 * this.least, Math.min(filled, CLOSEST));
    this.zoom(this.isFitted ? close / this.scale : this.least / this.scale, x, y);
  }

  pan(x, y) {
    this.x += x;
    this.y += y;
    this.hold();
  }

  draw() {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => {
      this.isDue = false;
      this.paint();
    });
  }

  paint() {
    if (!this.item || !this.width) return;
    const [w, h] = this.size;
    Object.assign(this.image.style, {
      width: `${w * this.scale}px`, height: `${h * this.scale}px`, transform: `translate(${this.x}px, ${this.y}px)`,
    });
    this.root.classList.toggle("close", !this.isFitted);
    this.root.dataset.scale = this.scale.toFixed(4);
    if (this.item.box) {
      const [left, top, right, bottom] = this.item.box;
      Object.assign(this.box.style, {
        left: `${this.x + left * w * this.scale}px`, top: `${this.y + top * h * this.scale}px`,
        width: `${(right - left) * w * this.scale}px`, height: `${(bottom - top) * h * this.scale}px`,
      });
    }
    this.paintTiles(w, h);
  }

  // The coarsest level that is as fine as the screen; what is of no use any more is let go.
  paintTiles(w, h) {
    const ratio = window.devicePixelRatio || 1, facts = this.facts, brush = this.canvas.getContext("2d");
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    if (!facts || facts.levels[0] >= facts.levels[1]) return;
    const drawn = this.scale * ratio;
    if (drawn * Math.max(w, h) <= Math.max(this.image.naturalWidth, this.image.naturalHeight) * 1.05) return;
    let level = facts.levels[1] - 1;
    while (level > facts.levels[0] && drawn > 1.05 / 2 ** level) level--;
    const step = facts.tile * 2 ** level * this.scale;
    const columns = Math.ceil(w / facts.tile / 2 ** level), rows = Math.ceil(h / facts.tile / 2 ** level);
    const span = (at, room, count) => [Math.max(0, Math.floor(-at / step)), Math.min(count - 1, Math.floor((room - at) / step))];
    const [left, right] = span(this.x, this.width, columns), [top, bottom] = span(this.y, this.height, rows);
    const seen = new Set();
    for (let row = top; row <= bottom; row++)
      for (let column = left; column <= right; column++) {
        const name = `${level}/${column}/${row}`, tile = this.tile(name);
        seen.add(name);
        if (!tile.isThere) continue;
        const size = 2 ** level * this.scale, x = this.x + column * step, y = this.y + row * step;
        const edge = (value) => Math.round(value * ratio);
        brush.drawImage(
          tile.image, edge(x), edge(y),
          edge(x + tile.image.naturalWidth * size) - edge(x), edge(y + tile.image.naturalHeight * size) - edge(y),
        );
      }
    this.root.dataset.tiles = `${[...seen].filter((name) => this.tiles.get(name).isThere).length}/${seen.size}`;
    if (this.tiles.size > 4 * seen.size + 32)
      for (const name of this.tiles.keys()) if (!seen.has(name)) this.tiles.delete(name);
  }

  tile(name) {
    let tile = this.tiles.get(name);
    if (tile) return tile;
    const image = new Image();
    tile = { image, isThere: false };
    image.onload = () => { tile.isThere = true; this.draw(); };
    image.src = addressOf(this.item, `tile/${this.item.id}/${name}`);
    this.tiles.set(name, tile);
    return tile;
  }

  // Hands and wheels

  at(event) {
    const box = this.root.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  wheel(event) {
    event.preventDefault();
    const steps = event.deltaMode === 1 ? event.deltaY * 16 : event.deltaY;
    this.zoom(Math.exp(-steps / (event.ctrlKey ? 100 : 400)), ...this.at(event));
  }

  down(event) {
    if (event.button > 0) return;
    this.pointers.set(event.pointerId, this.at(event));
    this.root.setPointerCapture(event.pointerId);
    if (this.pointers.size === 1) this.start = this.at(event);
    else this.start = null;
  }

  move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = this.at(event);
    this.pointers.set(event.pointerId, now);
    if (this.pointers.size === 2) {
      const [other] = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
      const apart = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]) || 1;
      this.zoom(apart(now) / apart(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    } else if (!this.isFitted) {
      this.pan(now[0] - before[0], now[1] - before[1]);
    } else if (this.start) {
      this.image.style.translate = `${now[0] - this.start[0]}px 0`;
    }
  }

  // A stroke over the fitted picture leafs on, one downwards closes; a pen that goes nowhere does nothing.
  up(event) {
    const at = this.pointers.get(event.pointerId);
    this.pointers.delete(event.pointerId);
    this.image.style.translate = "";
    if (!at || !this.start || !this.isFitted || event.type === "pointercancel") return;
    const [x, y] = [at[0] - this.start[0], at[1] - this.start[1]];
    this.start = null;
    if (Math.abs(x) > SWIPE && Math.abs(x) > 1.5 * Math.abs(y)) this.viewer.step(x < 0 ? 1 : -1);
    else if (y > 2 * SWIPE && y > 2 * Math.abs(x) && event.pointerType !== "mouse") this.viewer.close();
  }

  stop() { this.resizing.disconnect(); }
}

// Where the server keeps what belongs to an item: its thumbnail's address says where that is, and that we may see it.
function addressOf(item, what) {
  const [before, query] = item.src.split(/\/grid\/\d+\?/), signature = new URLSearchParams(query).get("k");
  return `${before}/${what}?v=${new URLSearchParams(query).get("v")}&k=${signature}`;
}
