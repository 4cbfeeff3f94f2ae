// Where the page stands: at the top for a new question, and back where it was for one that is returned to. The place is
// kept with the browser's own entry of its history, so that it lasts as long as that does, reloading included.
const REST_MS = 150;

class Scroll {
  constructor() {
    this.main = document.querySelector("[data-testid=stMain]") || document.scrollingElement;
    this.question = null;
    this.wanted = null;
    this.listening = new AbortController();
    const { signal } = this.listening;
    this.main.addEventListener("scroll", () => this.moved(), { signal, passive: true });
    // A hand that scrolls knows better where to be.
    for (const name of ["wheel", "touchmove", "pointerdown"]) this.main.addEventListener(name, () => { this.wanted = null; }, { signal, passive: true });
    window.addEventListener("popstate", () => { this.returning = true; }, { signal });
  }

  moved() {
    clearTimeout(this.resting);
    const question = this.question;
    this.resting = setTimeout(() => { if (question === this.question && !this.returning && this.wanted === null) this.keep(); }, REST_MS);
  }

  keep() { history.replaceState({ ...history.state, photoseek: { question: this.question, top: this.main.scrollTop } }, ""); }

  // The answer to a question stands in the page: go where it belongs.
  show(question) {
    if (question !== this.question) {
      const isFirst = this.question === null, kept = history.state?.photoseek;
      this.question = question;
      clearTimeout(this.resting);
      if ((this.returning || isFirst) && kept?.question === question) this.wanted = kept.top;
      else this.wanted = isFirst ? null : 0;
    }
    this.returning = false;
    this.settle();
  }

  // Streamlit draws a page bit by bit: what is far down is there a moment later.
  settle(tries = 60) {
    const wanted = this.wanted;
    if (wanted === null) return;
    this.main.scrollTop = wanted;
    if (Math.abs(this.main.scrollTop - wanted) < 2 || tries === 0) {
      this.wanted = null;
      this.moved();
    } else requestAnimationFrame(() => { if (this.wanted === wanted) this.settle(tries - 1); });
  }

  stop() {
    this.listening.abort();
    clearTimeout(this.resting);
  }
}
