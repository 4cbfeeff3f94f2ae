// Pictures that are nearly the same, side by side: what each has that others lack, and which of them stay.
const ICONS = { kept: ["M5 12.5l4.5 4.5L19 7.5"] };

class Compare {
  constructor(root) {
    this.root = make("div", "compare", root);
    this.root.setAttribute("role", "group");
  }

  show(data, tell) {
    this.tell = tell;
    const text = JSON.stringify(data);
    if (text === this.shown) return;
    this.shown = text;
    this.data = data;
    this.kept = new Set(data.kept);
    this.root.setAttribute("aria-label", data.label);
    const focused = this.root.getRootNode().activeElement?.dataset.place;
    this.root.replaceChildren(...data.items.map((item, place) => this.card(item, place)));
    if (focused) this.root.querySelector(`[data-place="${focused}"]`)?.focus();
  }

  card(item, place) {
    const { words, fixed } = this.data, isKept = this.kept.has(item.id);
    const card = make("article", isKept ? "card kept" : "card");
    const open = make("button", "open", card);
    open.type = "button";
    open.setAttribute("aria-label", `${words.open} ${item.name}`);
    const image = make("img", "", open);
    image.src = item.src;
    image.alt = item.name;
    image.loading = "lazy";
    open.addEventListener("click", () => openViewer({ id: item.id, items: () => this.data.items, focus: () => open.focus() }));
    const list = make("dl", "", card);
    for (const [name, value, isBest] of item.facts) {
      make("dt", "", list, name);
      const fact = make("dd", isBest ? "best" : "", list, value);
      if (isBest) fact.title = words.best;
    }
    if (fixed) return card;
    const keep = make("button", "keep", card);
    keep.type = "button";
    keep.dataset.place = place;
    keep.setAttribute("aria-pressed", String(isKept));
    if (isKept) keep.append(icon(ICONS.kept));
    keep.append(isKept ? words.stays : words.goes);
    keep.addEventListener("click", () => {
      if (!this.kept.delete(item.id)) this.kept.add(item.id);
      this.tell("kept", [...this.kept]);
    });
    return card;
  }
}

const groups = new WeakMap();

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const root = parentElement.querySelector(".root");
  if (!groups.has(root)) groups.set(root, new Compare(root));
  groups.get(root).show(data, setTriggerValue);
  return () => groups.delete(root);
}
