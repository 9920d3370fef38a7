// The first script, which waits for no other: says what was pressed before the others have come, and that one never came.

(() => {
  const page = document.documentElement;
  const early = (event) => {
    const button = event.target.closest?.("button, details[data-menu] > summary");
    if (!button || (button.form && button.form.method !== "dialog" && button.type === "submit")) return;
    document.getElementById("too-early").hidden = false;
  };
  const missing = () => {
    const words = document.getElementById("not-whole");
    if (words) words.hidden = false;
    else addEventListener("DOMContentLoaded", missing);
  };
  const failed = (event) => (event.target === window || event.target.matches("script, link")) && missing();

  addEventListener("click", early, true);
  addEventListener("error", failed, true);
  addEventListener("ccx:ready", () => {
    removeEventListener("click", early, true);
    document.getElementById("too-early").hidden = true;
  });
  addEventListener("load", () => {
    removeEventListener("error", failed, true);
    if (page.dataset.ready === undefined) missing();
  });
})();
