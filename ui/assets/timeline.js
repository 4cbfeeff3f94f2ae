// A line of months, as high as they have pictures: a click goes to a month, or to a year by its name.
class Timeline {
  constructor(root) {
    this.root = make("nav", "timeline", root);
    this.all = make("button", "all", this.root);
    this.all.type = "button";
    this.all.addEventListener("click", () => this.tell("went", [0, 0]));
    this.years = make("div", "years", this.root);
  }

  show(data, tell) {
    this.tell = tell;
    const text = JSON.stringify(data);
    if (text === this.shown) return;
    this.shown = text;
    this.root.setAttribute("aria-label", data.words.label);
    this.all.textContent = data.words.all;
    this.all.hidden = !data.from && !data.to;
    this.years.replaceChildren();
    const most = Math.max(...data.months.map(([, , count]) => count));
    const day = (year, month, number) => `${year}-${String(month).padStart(2, "0")}-${String(number).padStart(2, "0")}`;
    let year = null, bars = null;
    data.months.forEach(([number, month, count], place) => {
      if (number !== year) {
        year = number;
        const part = make("div", "year", this.years);
        bars = make("div", "bars", part);
        const name = make("button", "name", part, String(number));
        name.type = "button";
        const isWhole = data.from === day(number, 1, 1) && data.to === day(number, 12, 31);
        name.setAttribute("aria-pressed", String(isWhole));
        name.addEventListener("click", () => this.tell("went", [number, 0]));
      }
      const bar = make("button", "bar", bars);
      bar.type = "button";
      bar.title = data.titles[place];
      bar.setAttribute("aria-label", data.titles[place]);
      const isIn = (!data.from || data.from <= day(number, month, 31)) && (!data.to || data.to >= day(number, month, 1));
      bar.classList.toggle("out", !isIn);
      bar.setAttribute("aria-pressed", String(isIn && Boolean(data.from || data.to)));
      make("span", "", bar).style.height = `${6 + 22 * Math.sqrt(count / most)}px`;
      bar.addEventListener("click", () => this.tell("went", [number, month]));
    });
    this.years.querySelector("[aria-pressed=true]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
}

const timelines = new WeakMap();

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const root = parentElement.querySelector(".root");
  if (!timelines.has(root)) timelines.set(root, new Timeline(root));
  timelines.get(root).show(data, setTriggerValue);
  return () => timelines.delete(root);
}
