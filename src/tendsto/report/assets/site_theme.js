// Light or dark: the system's, until the button is pressed; then remembered where the browser allows it.
(() => {
  const root = document.documentElement;
  const button = document.getElementById("theme");
  try {
    const kept = localStorage.getItem("tendsto-theme");
    if (kept) root.dataset.theme = kept;
  } catch {}
  button.hidden = false;
  button.onclick = () => {
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    root.dataset.theme = (root.dataset.theme || system) === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("tendsto-theme", root.dataset.theme);
    } catch {}
  };
})();
