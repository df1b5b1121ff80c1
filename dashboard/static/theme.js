// Chooses dark or light before anything is painted: what was chosen here once, else what the system says.
(() => {
  const chosen = localStorage.getItem("theme");
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
})();
