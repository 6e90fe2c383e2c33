// Stands in the page itself and runs before the first paint. It puts on the theme and the language that were chosen last, else the
// system's, and asks at once for all that this path's page will want: on a slow link each round that waits for another one is felt.
// `files` are the names that the build gave: {languages: {en: file}, pages: [[path, [file …]] …]}, in a path `$x` is any one part.
function boot(files) {
  const theme = localStorage.getItem("theme") || "system";
  const dark = theme === "dark" || (theme === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  const chosen = localStorage.getItem("language");
  const language = (chosen || navigator.language).startsWith("zh") ? "zh" : "en";
  document.documentElement.classList.toggle("pf-v6-theme-dark", dark);
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";

  const parts = location.pathname.split("/");
  const isHere = (path) => {
    const own = path.split("/");
    return own.length === parts.length && own.every((part, at) => part.startsWith("$") || part === parts[at]);
  };
  const page = files.pages.find(([path]) => isHere(path));
  for (const file of [files.languages[language], ...(page ? page[1] : [])]) {
    if (!file) continue;
    const link = document.createElement("link");
    link.rel = file.endsWith(".css") ? "preload" : "modulepreload";
    link.as = file.endsWith(".css") ? "style" : "script";
    link.crossOrigin = "";
    link.href = file;
    document.head.append(link);
  }

  // Who has never chosen a language was never here, and will have to log in.
  const isDoor = location.pathname === "/login" || location.pathname === "/welcome";
  const asked = [...(isDoor ? [] : ["/api/v1/me"]), ...(isDoor || !chosen ? ["/api/v1/entrance"] : [])];
  window.early = new Map(asked.map((path) => [path, fetch(path)]));
  // Whoever takes an answer learns that it failed.
  for (const answer of window.early.values()) answer.catch(() => undefined);
}
