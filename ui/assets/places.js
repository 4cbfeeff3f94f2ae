// Where pictures were taken: spots that gather what lies together, a thumbnail on each where there is room.
class Places {
  constructor(root, data) {
    this.data = data;
    this.root = make("div", "places", root);
    this.world = new World(this.root, data.world);
    this.world.label(data.words.label);
    this.world.canvas.setAttribute("role", "application");
    this.layer = make("div", "layer", this.world.root);
    this.credit = make("p", "credit", this.root, data.words.credit);
    this.world.moved = () => this.moved();
    this.world.painted = () => this.place();
    this.spots = [];
    this.fetchSpots(true);
  }

  get area() {
    const { world } = this, wide = world.canvas.clientWidth, high = world.canvas.clientHeight;
    if (!wide || world.span >= 360) return [-90, -180, 90, 180];
    world.width = wide;
    world.height = high;
    const [west, north] = world.toPlace(0, 0), [east, south] = world.toPlace(wide, high);
    const turned = (degrees) => ((((degrees + 180) % 360) + 360) % 360) - 180;
    return east - west >= 360 ? [Math.max(-90, south), -180, Math.min(90, north), 180]
      : [Math.max(-90, south), turned(west), Math.min(90, north), turned(east)];
  }

  moved() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => {
      this.fetchSpots(false);
      this.tell("moved", this.area.map((side) => side.toFixed(4)).join(","));
    }, 220);
  }

  async fetchSpots(isFirst) {
    const at = this.area.map((side) => side.toFixed(4)).join(","), asked = (this.asked = {});
    const cell = (this.world.span * 64) / (this.world.canvas.clientWidth || 800);
    const answer = await fetch(`${this.data.spots}&at=${at}&cell=${cell}`);
    if (asked !== this.asked || !answer.ok) return;
    this.spots = await answer.json();
    if (isFirst && this.spots.length) this.frame();
    this.fill();
  }

  // All that there is in sight, with room around it.
  frame() {
    const span = (side) => {
      const values = this.spots.map((spot) => spot.at[side]);
      return [(Math.min(...values) + Math.max(...values)) / 2, Math.max(...values) - Math.min(...values)];
    };
    const [x, wide] = span(0), [y, high] = span(1);
    this.world.center = [x, y];
    const shape = this.world.canvas.clientWidth / (this.world.canvas.clientHeight || 1);
    this.world.span = Math.min(360, Math.max(2, 1.4 * Math.max(wide / this.world.narrow, high * shape)));
    this.world.draw();
    this.moved();
  }

  fill() {
    this.layer.replaceChildren();
    this.buttons = this.spots.map((spot) => {
      const button = make("button", "spot", this.layer);
      button.type = "button";
      const image = make("img", "", button);
      image.src = spot.src;
      image.alt = "";
      if (spot.count > 1) make("span", "count", button, spot.count > 999 ? `${Math.round(spot.count / 1000)}k` : String(spot.count));
      const label = spot.count > 1 ? `${spot.count.toLocaleString()} ${this.data.words.more}` : spot.name;
      button.setAttribute("aria-label", label);
      button.title = label;
      button.addEventListener("click", () => this.open(spot, button));
      return button;
    });
    this.place();
  }

  open(spot, button) {
    if (spot.count > 1 && this.world.span > 0.6) {
      this.world.center = [...spot.at];
      this.world.zoom(4);
      return;
    }
    const items = this.spots.map(({ id, src, name }) => ({ id, src, name, alt: name }));
    openViewer({ id: spot.id, items: () => items, focus: () => button.focus() });
  }

  place() {
    const { world } = this;
    (this.buttons || []).forEach((button, number) => {
      const [x, y] = world.toScreen(...this.spots[number].at);
      button.style.transform = `translate(${x - 24}px, ${y - 24}px)`;
      button.hidden = x < 0 || y < 0 || x > world.width || y > world.height;
    });
  }
}

const places = new WeakMap();

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const root = parentElement.querySelector(".root");
  if (!places.has(root)) places.set(root, new Places(root, data));
  const shown = places.get(root);
  shown.data = data;
  shown.tell = setTriggerValue;
  return () => {
    shown.world.stop();
    places.delete(root);
  };
}
