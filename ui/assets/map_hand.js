// The hand on the map: pointers that move it, fingers that pinch it, the lasso, and the keys.

function inside(path, x, y) {
  let within = false;
  for (let i = 0, j = path.length - 1; i < path.length; j = i++) {
    const [ax, ay] = path[i], [bx, by] = path[j];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) within = !within;
  }
  return within;
}

class Hand {
  constructor(map) {
    this.map = map;
    this.canvas = map.canvas;
    this.pointers = new Map();
    const on = (name, act, options) => this.canvas.addEventListener(name, act, options);
    on("pointerdown", (event) => this.down(event));
    on("pointermove", (event) => this.move(event));
    on("pointerup", (event) => this.up(event));
    on("pointercancel", (event) => this.up(event));
    on("pointerleave", () => this.pointers.size || map.hover(-1));
    on("wheel", (event) => this.wheel(event), { passive: false });
    on("keydown", (event) => this.key(event));
    on("blur", () => map.hover(-1));
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  down(event) {
    const at = this.place(event);
    this.pointers.set(event.pointerId, at);
    this.canvas.setPointerCapture(event.pointerId);
    this.start = at;
    this.hasMoved = false;
    if (this.map.isDrawing || event.shiftKey) this.map.lasso = [at];
  }

  move(event) {
    const { map } = this, at = this.place(event), before = this.pointers.get(event.pointerId);
    if (!before) {
      map.hover(map.hit(...at));
      return;
    }
    if (Math.hypot(at[0] - this.start[0], at[1] - this.start[1]) > 5) this.hasMoved = true;
    if (map.lasso) {
      map.lasso.push(at);
      map.draw();
    } else if (this.pointers.size === 2) {
      const [other] = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, where]) => where);
      const apart = (one) => Math.hypot(one[0] - other[0], one[1] - other[1]) || 1;
      map.zoom(apart(at) / apart(before), (at[0] + other[0]) / 2, (at[1] + other[1]) / 2);
    } else if (this.hasMoved) {
      map.hover(-1);
      this.canvas.classList.add("moving");
      map.move(at[0] - before[0], at[1] - before[1]);
    }
    this.pointers.set(event.pointerId, at);
  }

  up(event) {
    const { map } = this;
    this.canvas.classList.remove("moving");
    if (!this.pointers.delete(event.pointerId)) return;
    if (map.lasso) {
      const path = map.lasso;
      map.drawing(false);
      if (path.length > 3) map.tell("lassoed", map.data.ids.filter((_, number) => inside(path, ...map.at(number))));
    } else if (!this.hasMoved && event.type === "pointerup") {
      const found = map.hit(...this.place(event));
      if (found >= 0) map.open(found);
    }
  }

  // Only a map that was clicked takes the wheel from the page.
  wheel(event) {
    const isOurs = this.canvas.getRootNode().activeElement === this.canvas;
    if (!event.ctrlKey && !event.metaKey && !isOurs) return;
    event.preventDefault();
    this.map.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0016)), ...this.place(event));
  }

  key(event) {
    const { map } = this;
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (steps[event.key]) this.step(...steps[event.key]);
    else if (event.key === "Enter" && map.hovered >= 0) map.open(map.hovered);
    else if (event.key === "+" || event.key === "=") map.zoom(1.6);
    else if (event.key === "-") map.zoom(1 / 1.6);
    else if (event.key === "0") map.goTo({ zoom: 1, x: 0, y: 0 });
    else if (event.key === "Escape" && map.isDrawing) map.drawing(false);
    else return;
    event.preventDefault();
  }

  // Go to the nearest picture that lies rather in this direction than in another.
  step(dx, dy) {
    const { map } = this;
    const [x, y] = map.hovered >= 0 ? map.at(map.hovered) : [map.width / 2, map.height / 2];
    let best = -1, least = Infinity;
    map.data.x.forEach((_, place) => {
      const [cx, cy] = map.at(place);
      const along = (cx - x) * dx + (cy - y) * dy, across = Math.abs((cx - x) * dy) + Math.abs((cy - y) * dx);
      if (place === map.hovered || along <= 0 || across > along * 1.5) return;
      if (cx < 0 || cy < 0 || cx > map.width || cy > map.height) return;
      const away = along + 2 * across;
      if (away < least) [best, least] = [place, away];
    });
    if (best < 0) return;
    map.hover(best);
    map.live.textContent = `${map.data.names[best]}. ${map.data.clusters[map.data.cluster[best]].words}`;
  }
}
