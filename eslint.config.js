// The scripts of the pages: plain modules that Streamlit puts together with parts.js, whose names they therefore share.
import js from "@eslint/js";

const browser = Object.fromEntries(
  `AbortController CustomEvent DOMRect Event File FileReader HTMLElement IntersectionObserver KeyboardEvent Map MutationObserver
   OffscreenCanvas Path2D PointerEvent ResizeObserver URL atob btoa cancelAnimationFrame clearTimeout createImageBitmap
   customElements document fetch getComputedStyle history location matchMedia navigator performance
   requestAnimationFrame setTimeout structuredClone window console Image innerHeight innerWidth devicePixelRatio
   queueMicrotask TextDecoder Uint8Array Float32Array URLSearchParams localStorage`
    .split(/\s+/)
    .map((name) => [name, "readonly"]),
);

// Declared in one file and used in another: parts.js and NAME_*.js are joined before NAME.js.
const shared = ["Facts", "Hand", "Scroll", "Small", "Stage", "Suggestions", "World", "addressOf", "icon", "make", "openViewer"];

export default [
  js.configs.recommended,
  {
    files: ["ui/assets/*.js"],
    languageOptions: { ecmaVersion: 2022, sourceType: "module", globals: { ...browser, ...Object.fromEntries(shared.map((name) => [name, "writable"])) } },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      eqeqeq: "error", "no-var": "error", "prefer-const": "error",
      "no-redeclare": "off",
      "no-unused-vars": ["error", { varsIgnorePattern: `^(${shared.join("|")})$` }],
    },
  },
];
