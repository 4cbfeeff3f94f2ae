// A map of pictures: dots and small pictures on a plane to move about in. Names and words are only ever set as text.
const MARGIN = 44, MOST_SMALL = 170;

// Colours far apart from one another that show on light and on dark ground.
const colour = (cluster, light = 56) => `hsl(${(cluster * 137.508 + 155) % 360} 58% ${light}%)`;

class PictureMap {
  constructor(root) {
    this.root = make("div", "map", root);
    this.stage = make("div", "stage", this.root);
    this.canvas = make("canvas", "", this.stage);
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "application");
    this.hint = make("div", "hint", this.stage);
    this.tools = make("div", "tools", this.stage);
    this.card = make("div", "card", this.stage);
    this.card.hidden = true;
    this.cardImage = make("img", "", this.card);
    this.cardName = make("div", "name", this.card);
    this.cardWords = make("div", "words", this.card);
    this.live = make("div", "live", this.stage);
    this.live.setAttribute("aria-live", "polite");
    this.legend = make("div", "legend", this.root);
    this.legend.setAttribute("role", "group");
    this.small = new Small(() => this.draw());
    this.view = { zoom: 1, x: 0, y: 0 };
    this.hovered = this.shownCluster = -1;
    this.lasso = null;
    this.resizing = new ResizeObserver(() => this.draw());
    this.resizing.observe(this.stage);
    this.hand = new Hand(this);
  }

  show(data, tell) {
    this.tell = tell;
    const text = JSON.stringify([data.key, data.picked]);
    if (text === this.shown) return;
    this.shown = text;
    const isNew = data.key !== this.data?.key;
    this.data = data;
    this.canvas.setAttribute("aria-label", data.label);
    this.hint.textContent = data.words.hint;
    if (isNew) {
      this.hovered = this.shownCluster = -1;
      this.view = { zoom: 1, x: 0, y: 0 };
      // Examples first, then all others in an order without a pattern: where there is little room, those are drawn.
      const examples = new Set(data.clusters.map((cluster) => cluster.example));
      const rest = data.x.map((_, place) => place).filter((place) => !examples.has(place));
      rest.sort((one, other) => ((one * 2654435761) >>> 0) - ((other * 2654435761) >>> 0));
      this.order = [...examples, ...rest];
      this.fillTools();
    }
    this.fillLegend();
    this.draw();
  }

  fillTools() {
    this.tools.replaceChildren();
    const add = (text, label, act) => {
      const button = make("button", "", this.tools, text);
      if (text.length < 2) button.setAttribute("aria-label", label);
      button.title = label;
      button.addEventListener("click", act);
      return button;
    };
    const words = this.data.words;
    this.lassoButton = add(words.lasso, words.lassoHelp, () => this.drawing(!this.isDrawing));
    this.lassoButton.setAttribute("aria-pressed", "false");
    add("+", words.closer, () => this.zoom(1.6));
    add("−", words.further, () => this.zoom(1 / 1.6));
    add("⤢", words.all, () => this.goTo({ zoom: 1, x: 0, y: 0 }));
  }

  fillLegend() {
    this.legend.replaceChildren();
    this.legend.setAttribute("aria-label", this.data.words.clusters);
    this.data.clusters.forEach((cluster, number) => {
      const button = make("button", "", this.legend);
      make("span", "dot", button).style.background = colour(number);
      const words = make("span", "words", button, cluster.word);
      make("span", "more", words, cluster.more);
      make("span", "count", button, String(cluster.count));
      button.title = cluster.words;
      button.setAttribute("aria-pressed", String(this.data.picked === number));
      button.addEventListener("click", () => {
        this.goToCluster(number);
        this.tell("picked", number);
      });
      const light = (value) => () => { this.shownCluster = value; this.draw(); };
      button.addEventListener("pointerenter", light(number));
      button.addEventListener("focus", light(number));
      button.addEventListener("pointerleave", light(-1));
      button.addEventListener("blur", light(-1));
    });
  }

  // Places

  at(place) {
    return this.toScreen(this.data.x[place] / 65535, this.data.y[place] / 65535);
  }

  toScreen(x, y) {
    const { zoom } = this.view;
    return [
      MARGIN + (x * zoom + this.view.x) * (this.width - 2 * MARGIN),
      MARGIN + (y * zoom + this.view.y) * (this.height - 2 * MARGIN),
    ];
  }

  zoom(factor, x = this.width / 2, y = this.height / 2) {
    const wide = this.width - 2 * MARGIN, high = this.height - 2 * MARGIN;
    const zoom = Math.min(60, Math.max(1, this.view.zoom * factor)), ratio = zoom / this.view.zoom;
    const ax = (x - MARGIN) / wide, ay = (y - MARGIN) / high;
    this.view = this.held({ zoom, x: ax - (ax - this.view.x) * ratio, y: ay - (ay - this.view.y) * ratio });
    this.draw();
  }

  move(x, y) {
    const { zoom } = this.view, wide = this.width - 2 * MARGIN, high = this.height - 2 * MARGIN;
    this.view = this.held({ zoom, x: this.view.x + x / wide, y: this.view.y + y / high });
    this.draw();
  }

  // Keep the middle of the view over the map.
  held({ zoom, x, y }) {
    const hold = (value) => Math.min(0.5, Math.max(0.5 - zoom, value));
    return { zoom, x: zoom === 1 ? 0 : hold(x), y: zoom === 1 ? 0 : hold(y) };
  }

  goTo(target) {
    const from = this.view, started = performance.now();
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.view = target;
      this.draw();
      return;
    }
    const step = (now) => {
      const part = Math.min(1, (now - started) / 260), share = part * (2 - part);
      const between = (name) => from[name] + (target[name] - from[name]) * share;
      this.view = { zoom: between("zoom"), x: between("x"), y: between("y") };
      this.draw();
      if (part < 1) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  goToCluster(number) {
    const xs = [], ys = [];
    this.data.cluster.forEach((cluster, place) => {
      if (cluster !== number) return;
      xs.push(this.data.x[place] / 65535);
      ys.push(this.data.y[place] / 65535);
    });
    const span = (values) => {
      values.sort((one, other) => one - other);
      const low = values[Math.floor(values.length * 0.05)], high = values[Math.floor(values.length * 0.95)];
      return [(low + high) / 2, Math.max(high - low, 0.02)];
    };
    const [x, wide] = span(xs), [y, high] = span(ys);
    const zoom = Math.min(12, Math.max(1, 0.8 / Math.max(wide, high)));
    this.goTo(this.held({ zoom, x: 0.5 - x * zoom, y: 0.5 - y * zoom }));
  }

  // Drawing

  draw() {
    if (this.isDue || !this.data) return;
    this.isDue = true;
    requestAnimationFrame(() => {
      this.isDue = false;
      this.paint();
    });
  }

  paint() {
    const ratio = window.devicePixelRatio || 1;
    this.width = this.stage.clientWidth;
    this.height = this.stage.clientHeight;
    if (!this.width) return;
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    const brush = this.canvas.getContext("2d");
    brush.scale(ratio, ratio);
    const style = getComputedStyle(this.root);
    const text = style.getPropertyValue("--st-text-color"), ground = style.getPropertyValue("--st-background-color");
    const primary = style.getPropertyValue("--st-primary-color");
    const places = this.data.x.map((_, place) => this.at(place));
    const isSeen = ([x, y]) => x > -40 && y > -40 && x < this.width + 40 && y < this.height + 40;
    const isDim = (place) => this.shownCluster >= 0 && this.data.cluster[place] !== this.shownCluster;
    const radius = Math.min(6, (places.length > 3000 ? 2 : 3.2) * Math.sqrt(this.view.zoom));
    places.forEach((place, number) => {
      if (!isSeen(place)) return;
      brush.globalAlpha = isDim(number) ? 0.12 : 0.9;
      brush.fillStyle = colour(this.data.cluster[number]);
      brush.beginPath();
      brush.arc(place[0], place[1], radius, 0, 7);
      brush.fill();
    });
    this.paintSmall(brush, places, isSeen, isDim);
    brush.globalAlpha = 1;
    this.paintWords(brush, text, ground);
    if (this.hovered >= 0) this.ring(brush, this.hovered, primary);
    if (this.lasso) {
      brush.beginPath();
      this.lasso.forEach(([x, y], number) => (number ? brush.lineTo(x, y) : brush.moveTo(x, y)));
      brush.closePath();
      brush.fillStyle = primary;
      brush.globalAlpha = 0.16;
      brush.fill();
      brush.globalAlpha = 1;
      brush.strokeStyle = primary;
      brush.lineWidth = 2;
      brush.stroke();
    }
  }

  paintSmall(brush, places, isSeen, isDim) {
    const side = Math.min(112, (this.width < 600 ? 38 : 46) * Math.pow(this.view.zoom, 0.45));
    const taken = new Map(), apart = side + 5;
    this.drawn = [];
    for (const number of this.order) {
      if (this.drawn.length >= MOST_SMALL) break;
      const [x, y] = places[number];
      if (!isSeen(places[number])) continue;
      const column = Math.floor(x / apart), row = Math.floor(y / apart);
      let isFree = true;
      for (let i = -1; i <= 1 && isFree; i++)
        for (let j = -1; j <= 1 && isFree; j++) {
          const other = taken.get(`${column + i},${row + j}`);
          if (other && Math.abs(other[0] - x) < apart && Math.abs(other[1] - y) < apart) isFree = false;
        }
      if (!isFree) continue;
      taken.set(`${column},${row}`, [x, y]);
      this.drawn.push([number, x, y, side / 2]);
    }
    for (const [number, x, y, half] of this.drawn) {
      const image = this.small.get(this.data.base + this.data.pictures[number]);
      brush.globalAlpha = isDim(number) ? 0.16 : 1;
      brush.save();
      brush.beginPath();
      brush.roundRect(x - half, y - half, 2 * half, 2 * half, 7);
      brush.fillStyle = colour(this.data.cluster[number], 40);
      brush.fill();
      brush.clip();
      if (image) brush.drawImage(image, x - half, y - half, 2 * half, 2 * half);
      brush.restore();
      brush.beginPath();
      brush.roundRect(x - half, y - half, 2 * half, 2 * half, 7);
      brush.strokeStyle = colour(this.data.cluster[number]);
      brush.lineWidth = 2;
      brush.stroke();
    }
  }

  paintWords(brush, text, ground) {
    brush.font = `600 12px ${getComputedStyle(this.root).fontFamily}`;
    brush.textBaseline = "middle";
    const boxes = [];
    this.data.clusters.forEach((cluster, number) => {
      if (this.shownCluster >= 0 && number !== this.shownCluster) return;
      const [x, y] = this.toScreen(cluster.x, cluster.y), wide = brush.measureText(cluster.word).width + 30;
      const box = [Math.min(this.width - wide - 6, Math.max(6, x - wide / 2)), Math.min(this.height - 32, y + 27), wide, 24];
      if (x < 0 || y < 0 || x > this.width || y > this.height) return;
      if (boxes.some((other) => box[0] < other[0] + other[2] && other[0] < box[0] + box[2] && Math.abs(box[1] - other[1]) < 26)) return;
      boxes.push(box);
      brush.globalAlpha = 0.9;
      brush.fillStyle = ground;
      brush.beginPath();
      brush.roundRect(...box, 12);
      brush.fill();
      brush.globalAlpha = 1;
      brush.fillStyle = colour(number);
      brush.beginPath();
      brush.arc(box[0] + 13, box[1] + 12, 4.5, 0, 7);
      brush.fill();
      brush.fillStyle = text;
      brush.fillText(cluster.word, box[0] + 22, box[1] + 12.5);
    });
  }

  ring(brush, number, primary) {
    const [x, y] = this.at(number), small = this.drawn.find((each) => each[0] === number);
    brush.strokeStyle = primary;
    brush.lineWidth = 3;
    brush.beginPath();
    if (small) brush.roundRect(x - small[3] - 2, y - small[3] - 2, 2 * small[3] + 4, 2 * small[3] + 4, 8);
    else brush.arc(x, y, 9, 0, 7);
    brush.stroke();
  }

  // What is under the hand

  hit(x, y) {
    for (const [number, cx, cy, half] of this.drawn || [])
      if (Math.abs(x - cx) <= half && Math.abs(y - cy) <= half) return number;
    let best = -1, least = 13 ** 2;
    this.data.x.forEach((_, place) => {
      const [cx, cy] = this.at(place), away = (cx - x) ** 2 + (cy - y) ** 2;
      if (away < least) [best, least] = [place, away];
    });
    return best;
  }

  hover(place) {
    if (place === this.hovered) return;
    this.hovered = place;
    this.canvas.classList.toggle("over", place >= 0);
    this.card.hidden = place < 0;
    if (place >= 0) {
      const source = this.data.base + this.data.pictures[place], words = this.data.clusters[this.data.cluster[place]].words;
      if (this.cardImage.getAttribute("src") !== source) this.cardImage.src = source;
      this.cardImage.alt = this.data.names[place];
      this.cardName.textContent = this.data.names[place];
      this.cardWords.textContent = words;
      const [x, y] = this.at(place), wide = 220, high = 218;
      const left = x + 28 + wide < this.width ? x + 28 : Math.max(4, x - 28 - wide);
      const top = Math.min(Math.max(4, y - high / 2), Math.max(4, this.height - high - 4));
      this.card.style.transform = `translate(${left}px, ${top}px)`;
    }
    this.draw();
  }

  // The viewer leafs through the pictures of the same cluster.
  open(place) {
    const { ids, base, pictures, names, cluster } = this.data;
    const near = ids.map((_, other) => other).filter((other) => cluster[other] === cluster[place]);
    const items = near.map((other) => ({ id: ids[other], src: base + pictures[other], name: names[other], alt: names[other] }));
    openViewer({ id: ids[place], items: () => items, focus: () => this.canvas.focus() });
  }

  drawing(value) {
    this.isDrawing = value;
    this.root.classList.toggle("drawing", value);
    this.lassoButton.setAttribute("aria-pressed", String(value));
    if (!value) this.lasso = null;
    this.draw();
  }

  stop() {
    this.resizing.disconnect();
  }
}

const maps = new WeakMap();

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const root = parentElement.querySelector(".root");
  let map = maps.get(root);
  if (!map) maps.set(root, (map = new PictureMap(root)));
  map.show(data, setTriggerValue);
  return () => {
    map.stop();
    maps.delete(root);
  };
}
