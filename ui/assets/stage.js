// One large picture with the part that matters framed, and what can be done with its file.
export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const root = parentElement.querySelector(".root");
  if (root.dataset.shown === JSON.stringify(data)) return;
  root.dataset.shown = JSON.stringify(data);
  root.replaceChildren();
  const stage = make("div", "stage", root);
  const image = make("img", "", stage);
  image.alt = data.alt;
  image.width = data.w;
  image.height = data.h;
  image.style.width = "auto";
  image.style.height = "auto";
  image.addEventListener("error", () => { stage.replaceChildren(); make("p", "gone", stage, data.words.gone); });
  image.src = data.src;
  if (data.box) {
    const [left, top, right, bottom] = data.box.map((share) => 100 * share);
    const box = make("div", "box", stage);
    Object.assign(box.style, { left: `${left}%`, top: `${top}%`, width: `${right - left}%`, height: `${bottom - top}%` });
  }
  const tools = make("div", "tools", root);
  make("button", "", tools, data.words.like).addEventListener("click", () => setTriggerValue("liked", data.id));
  const open = make("a", "", tools, data.words.open);
  Object.assign(open, { href: data.src, target: "_blank", rel: "noopener" });
  const save = make("a", "", tools, data.words.save);
  Object.assign(save, { href: data.file, download: data.name });
  const copy = make("button", "", tools, data.words.copy);
  copy.addEventListener("click", async () => {
    try { await navigator.clipboard.writeText(data.path); copy.textContent = data.words.copied; }
    catch { copy.textContent = data.path; }
  });
}
