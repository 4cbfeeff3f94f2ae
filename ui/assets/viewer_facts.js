// What is known of a picture, beside it: facts and words that can be clicked, the place on a map, what is like it.
class Facts {
  constructor(parent, viewer) {
    this.viewer = viewer;
    this.root = make("section", "facts", parent);
  }

  clear(item, words) {
    this.item = item;
    this.words = words;
    this.root.setAttribute("aria-label", words.about);
    this.root.replaceChildren();
    this.root.scrollTop = 0;
    make("h2", "", this.root, item.name);
  }

  show(facts) {
    const words = this.words;
    for (const text of facts.texts) {
      const quote = make("blockquote", "", this.root);
      make("p", "", quote, text.body);
      make("footer", "", quote, text.source);
    }
    const list = make("dl", "", this.root);
    for (const fact of facts.facts) {
      make("dt", "", list, fact.name);
      const value = make("dd", "", list);
      if (fact.wanted) this.chip(value, fact.value, fact.wanted, `${words.search} ${fact.name}: ${fact.value}`).className = "link";
      else value.textContent = fact.value;
    }
    if (facts.place) this.place(facts.place);
    if (facts.keywords.length) this.chips(words.keywords, facts.keywords);
    this.labels = make("div", "part", this.root);
    make("h3", "", this.labels, words.labels);
    this.waiting = make("p", "quiet", this.labels, words.looking);
    this.similar = make("div", "part", this.root);
    if (facts.answers) this.asking();
  }

  part(title) {
    const part = make("div", "part", this.root);
    make("h3", "", part, title);
    return part;
  }

  chips(title, texts) {
    const row = make("div", "chips", this.part(title));
    for (const text of texts) this.chip(row, text, { q: [text] }, `${this.words.search} ${text}`);
  }

  chip(parent, text, wanted, label) {
    const chip = make("button", "chip", parent, text);
    chip.type = "button";
    chip.title = label;
    chip.addEventListener("click", () => this.viewer.leave(wanted));
    return chip;
  }

  showLabels(labels) {
    this.waiting.remove();
    if (!labels.length) return this.labels.remove();
    const row = make("div", "chips", this.labels);
    for (const label of labels) this.chip(row, label, { q: [label] }, `${this.words.search} ${label}`);
    return undefined;
  }

  showSimilar(items) {
    if (!items.length) return this.similar.remove();
    make("h3", "", this.similar, this.words.similar);
    const row = make("div", "similar", this.similar);
    for (const item of items) {
      const button = make("button", "", row);
      button.type = "button";
      button.title = item.name;
      const image = make("img", "", button);
      image.src = item.src;
      image.alt = item.alt;
      image.loading = "lazy";
      button.addEventListener("click", () => this.viewer.look(items, item.id));
    }
    return undefined;
  }

  place([latitude, longitude]) {
    const part = this.part(this.words.place);
    const label = `${Math.abs(latitude).toFixed(4)}° ${latitude < 0 ? "S" : "N"}, ${Math.abs(longitude).toFixed(4)}° ${longitude < 0 ? "W" : "E"}`;
    const world = new World(part, this.viewer.data.world);
    world.label(`${this.words.place}: ${label}`);
    world.mark(longitude, latitude);
    const line = make("p", "quiet", part);
    const link = make("a", "", line, label);
    // The visitor's own program of maps: no server is told where a picture was taken.
    link.href = `geo:${latitude.toFixed(6)},${longitude.toFixed(6)}`;
    link.title = this.words.program;
  }

  asking() {
    const words = this.words, item = this.item;
    const form = make("form", "part ask", this.root);
    const label = make("label", "", form, words.ask);
    const field = make("input", "", label);
    field.maxLength = this.viewer.data.longest;
    make("button", "chip", form, words.send).type = "submit";
    const answer = make("p", "answer", form);
    answer.setAttribute("role", "status");
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (!field.value.trim()) return;
      answer.textContent = words.thinking;
      try {
        const told = await (await fetch(addressOf(item, `ask/${item.id}`), { method: "POST", body: field.value })).json();
        answer.textContent = told.answer ?? told.error;
      } catch {
        answer.textContent = words.failed;
      }
    });
  }
}
