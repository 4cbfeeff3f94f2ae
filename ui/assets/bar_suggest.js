// What the box proposes: questions asked here before, and words that the library has; the arrows choose.
const KEPT = "photoseek-recent", MOST_KEPT = 30, MOST_SHOWN_AT_ONCE = 8, PAUSE_MS = 120;

class Suggestions {
  constructor(bar) {
    this.bar = bar;
    this.input = bar.input;
    this.list = make("ul", "suggestions", bar.root);
    this.list.id = "suggestions";
    this.list.setAttribute("role", "listbox");
    this.list.hidden = true;
    this.at = -1;
    this.input.setAttribute("aria-autocomplete", "list");
    this.input.setAttribute("aria-controls", this.list.id);
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.input.addEventListener("input", () => this.later());
    this.input.addEventListener("click", () => this.later());
    this.input.addEventListener("blur", () => this.close());
    // A click on a proposal is not to take the focus away before it counts.
    this.list.addEventListener("pointerdown", (event) => event.preventDefault());
  }

  get recent() {
    try { return JSON.parse(localStorage.getItem(KEPT) || "[]").filter((one) => typeof one === "string"); } catch { return []; }
  }

  note(text) {
    const asked = text.trim();
    this.close();
    if (!asked || !this.bar.data.remembers) return;
    const kept = [asked, ...this.recent.filter((one) => one !== asked)].slice(0, MOST_KEPT);
    try { localStorage.setItem(KEPT, JSON.stringify(kept)); } catch { /* not kept, then */ }
  }

  forget() {
    try { localStorage.removeItem(KEPT); } catch { /* there is nothing */ }
    this.close();
  }

  later() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.propose(), PAUSE_MS);
  }

  async propose() {
    const text = this.input.value.trim(), asked = (this.asking = {}), words = this.bar.words;
    const begun = text.toLowerCase();
    const recent = this.recent.filter((one) => one.toLowerCase().startsWith(begun) && one !== text).slice(0, text ? 3 : MOST_SHOWN_AT_ONCE);
    let found = [];
    if (text) {
      try {
        const answer = await fetch(`${this.bar.data.suggest}&q=${encodeURIComponent(text)}`);
        if (answer.ok) found = await answer.json();
      } catch { /* the box works without */ }
    }
    if (asked !== this.asking || this.input.getRootNode().activeElement !== this.input) return;
    const known = new Set(recent.map((one) => one.toLowerCase()));
    const rows = recent.map((one) => [one, words.recent, () => this.take(one)]);
    for (const { text: one, kind } of found) if (!known.has(one.toLowerCase())) rows.push([one, kind, () => this.take(one)]);
    rows.splice(MOST_SHOWN_AT_ONCE);
    if (text) rows.push([words.named.replace("{}", text), words.exactly, () => { this.close(); this.bar.tell("narrowed", text); }]);
    else if (recent.length) rows.push([words.forget, "", () => this.forget()]);
    this.show(rows);
  }

  show(rows) {
    this.rows = rows;
    this.at = -1;
    this.input.removeAttribute("aria-activedescendant");
    this.list.setAttribute("aria-label", this.bar.words.proposals);
    this.list.replaceChildren(...rows.map(([text, kind, act], place) => {
      const row = make("li", "", null, "");
      row.id = `suggestion-${place}`;
      row.setAttribute("role", "option");
      row.setAttribute("aria-selected", "false");
      make("span", "text", row, text);
      make("span", "kind", row, kind);
      row.addEventListener("click", act);
      return row;
    }));
    this.list.hidden = !rows.length;
  }

  take(text) {
    this.input.value = text;
    this.bar.ask();
  }

  close() {
    clearTimeout(this.waiting);
    this.asking = null;
    this.show([]);
  }

  key(event) {
    if (this.list.hidden || event.isComposing) return;
    const last = this.rows.length - 1;
    if (event.key === "ArrowDown") this.at = this.at >= last ? -1 : this.at + 1;
    else if (event.key === "ArrowUp") this.at = this.at < 0 ? last : this.at - 1;
    else if (event.key === "Enter" && this.at >= 0) {
      event.preventDefault();
      event.stopImmediatePropagation();
      this.rows[this.at][2]();
      return;
    } else if (event.key === "Escape") {
      this.close();
      return;
    } else return;
    event.preventDefault();
    [...this.list.children].forEach((row, place) => row.setAttribute("aria-selected", String(place === this.at)));
    if (this.at < 0) this.input.removeAttribute("aria-activedescendant");
    else this.input.setAttribute("aria-activedescendant", `suggestion-${this.at}`);
  }
}
