// Small square pictures for the map: loaded a few at a time, those asked for last first, and the newest kept.
const AT_ONCE = 6, KEPT = 500, SMALL_PX = 128;

class Small {
  constructor(ready) {
    this.ready = ready;
    this.kept = new Map();
    this.wanted = [];
    this.loading = 0;
  }

  get(source) {
    const found = this.kept.get(source);
    if (found === undefined) {
      this.kept.set(source, null);
      this.wanted.push(source);
      this.next();
    } else if (found) {
      this.kept.delete(source);
      this.kept.set(source, found);
    }
    return found || null;
  }

  next() {
    while (this.loading < AT_ONCE && this.wanted.length) {
      const source = this.wanted.pop(), image = new Image();
      this.loading += 1;
      const done = () => {
        this.loading -= 1;
        this.next();
      };
      image.onload = () => {
        const small = document.createElement("canvas");
        small.width = small.height = SMALL_PX;
        const side = Math.min(image.naturalWidth, image.naturalHeight);
        const left = (image.naturalWidth - side) / 2, top = (image.naturalHeight - side) / 2;
        const brush = small.getContext("2d");
        brush.imageSmoothingQuality = "high";
        brush.drawImage(image, left, top, side, side, 0, 0, SMALL_PX, SMALL_PX);
        this.kept.set(source, small);
        if (this.kept.size > KEPT) this.kept.delete(this.kept.keys().next().value);
        this.ready();
        done();
      };
      image.onerror = done;
      image.src = source;
    }
  }
}
