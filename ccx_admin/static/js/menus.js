// Menus: a choice, Escape, a click elsewhere and moving on close them; the keyboard is then where it opened them.

const open = () => [...document.querySelectorAll("details.menu[open]")];

export function closeMenu(menu) {
  if (!menu) return;
  const inside = menu.contains(document.activeElement);
  menu.removeAttribute("open");
  if (inside) menu.querySelector("summary").focus();
}

export function startMenus() {
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !open().length) return;
    open().forEach(closeMenu);
    event.preventDefault();
  });
  for (const name of ["click", "focusin"]) {
    document.addEventListener(name, (event) => open().forEach((menu) => menu.contains(event.target) || menu.removeAttribute("open")));
  }
}
