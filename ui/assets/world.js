// The world without a server: coasts and borders from one small file, drawn where they are looked at.
const worlds = new Map();

function outline(address) {
  if (!worlds.has(address)) {
    worlds.set(address, fetch(address).then((answer) => answer.json()).then((file) => file.lines.map((line) => {
      // Steps of so many parts of a degree, each from the point before.
      const points = new Float32Array(line.length);
      let x = 0, y = 0;
      for (let at = 0; at < line.length; at += 2) {
        points[at] = (x += line[at]) / file.parts;
        points[at + 1] = (y += line[at + 1]) / file.parts;
      }
      return points;
    })));
  }
  return worlds.get(address);
}

class World {
  constructor(parent, address) {
    this.root = make("div", "world", parent);
    this.canvas = make("canvas", "", this.root);
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    const tools = make("div", "zooms", this.root);
    for (const [sign, label, factor] of [["+", "Zoom in on the map", 2], ["−", "Zoom out of the map", 0.5]]) {
      const button = make("button", "", tools, sign);
      button.type = "button";
      button.title = label;
      button.setAttribute("aria-label", label);
      button.addEventListener("click", () => this.zoom(factor));
    }
    this.marks = [];
    this.center = [0, 20];
    this.span = 360;
    outline(address).then((lines) => { this.lines = lines; this.draw(); }, () => {});
    this.resizing = new ResizeObserver(() => this.draw());
    this.resizing.observe(this.root);
    this.canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY / 400));
    }, { passive: false });
    let from = null;
    this.canvas.addEventListener("pointerdown", (event) => {
      from = [event.clientX, event.clientY];
      this.canvas.setPointerCapture(event.pointerId);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (!from) return;
      const degrees = this.span / this.canvas.clientWidth;
      this.center[0] -= (event.clientX - from[0]) * degrees * this.narrow;
      this.center[1] += (event.clientY - from[1]) * degrees;
      from = [event.clientX, event.clientY];
      this.draw();
    });
    this.canvas.addEventListener("pointerup", () => { from = null; this.moved?.(); });
    this.canvas.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (steps) {
        this.center[0] += steps[0] * this.span / 8;
        this.center[1] += steps[1] * this.span / 8;
        this.draw();
        this.moved?.();
      } else if (event.key === "+" || event.key === "=") this.zoom(2);
      else if (event.key === "-") this.zoom(0.5);
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
  }

  label(text) { this.canvas.setAttribute("aria-label", text); }

  mark(longitude, latitude) {
    this.marks = [[longitude, latitude, 1]];
    this.center = [longitude, latitude];
    this.span = 40;
    this.draw();
  }

  zoom(factor) {
    this.span = Math.min(360, Math.max(0.5, this.span / factor));
    this.draw();
    this.moved?.();
  }

  // Degrees of longitude are shorter towards the poles: those of the middle of the map set the measure.
  get narrow() { return 1 / Math.max(0.2, Math.cos((this.center[1] * Math.PI) / 180)); }

  toScreen(longitude, latitude) {
    const per = this.width / this.span;
    return [this.width / 2 + ((longitude - this.center[0]) / this.narrow) * per, this.height / 2 - (latitude - this.center[1]) * per];
  }

  toPlace(x, y) {
    const per = this.width / this.span;
    return [this.center[0] + ((x - this.width / 2) / per) * this.narrow, this.center[1] - (y - this.height / 2) / per];
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
    const ratio = window.devicePixelRatio || 1;
    this.width = this.canvas.clientWidth;
    this.height = this.canvas.clientHeight;
    if (!this.width) return;
    this.center = [Math.min(180, Math.max(-180, this.center[0])), Math.min(85, Math.max(-85, this.center[1]))];
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    const brush = this.canvas.getContext("2d"), style = getComputedStyle(this.root);
    brush.scale(ratio, ratio);
    brush.lineWidth = 0.5;
    brush.strokeStyle = style.getPropertyValue("--grid-line");
    brush.beginPath();
    const step = [30, 10, 5, 1, 0.25].find((each) => this.span / each >= 4) || 0.25;
    for (let degrees = -180; degrees <= 180; degrees += step) {
      const [x] = this.toScreen(degrees, 0), [, y] = this.toScreen(0, degrees);
      if (x >= 0 && x <= this.width) { brush.moveTo(x, 0); brush.lineTo(x, this.height); }
      if (Math.abs(degrees) <= 90 && y >= 0 && y <= this.height) { brush.moveTo(0, y); brush.lineTo(this.width, y); }
    }
    brush.stroke();
    brush.lineWidth = 1;
    brush.strokeStyle = style.getPropertyValue("--coast");
    brush.beginPath();
    for (const line of this.lines || []) {
      let isOn = false;
      for (let at = 0; at < line.length; at += 2) {
        const [x, y] = this.toScreen(line[at], line[at + 1]);
        // From one side of the date line to the other is no way across the map.
        if (isOn && Math.abs(line[at] - line[at - 2]) < 180) brush.lineTo(x, y);
        else brush.moveTo(x, y);
        isOn = true;
      }
    }
    brush.stroke();
    this.painted?.();
    this.root.dataset.drawn = String((this.lines || []).length);
    for (const [longitude, latitude, count] of this.marks) {
      const [x, y] = this.toScreen(longitude, latitude), radius = 5 + 2.2 * Math.log2(count);
      if (x < -radius || y < -radius || x > this.width + radius || y > this.height + radius) continue;
      brush.beginPath();
      brush.arc(x, y, radius, 0, 7);
      brush.fillStyle = style.getPropertyValue("--pin");
      brush.globalAlpha = count > 1 ? 0.82 : 1;
      brush.fill();
      brush.globalAlpha = 1;
      brush.lineWidth = 1.5;
      brush.strokeStyle = style.getPropertyValue("--pin-edge");
      brush.stroke();
    }
  }

  stop() { this.resizing.disconnect(); }
}
