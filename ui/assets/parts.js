// What every script of the pages builds with; it stands before each of them.
function make(tag, className, parent, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  if (parent) parent.append(element);
  return element;
}

// A drawing of lines on a square of 24 from the `d` of its paths; its style says how thick.
function icon(shapes) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  for (const shape of shapes) {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", shape);
    svg.append(path);
  }
  return svg;
}

// Have the page's viewer show a picture: `source` has its id, the items to leaf through, and may take the focus back.
function openViewer(source) {
  document.dispatchEvent(new CustomEvent("photoseek-open", { detail: source, cancelable: true }));
}
