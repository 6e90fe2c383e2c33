// Before the first paint: the theme and the language that were chosen last, else the system's. The language's texts come while the
// program does; the build names their file.
(function () {
  var theme = localStorage.getItem("theme") || "system";
  var dark = theme === "dark" || (theme === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  var language = localStorage.getItem("language") || (navigator.language.startsWith("zh") ? "zh" : "en");
  document.documentElement.classList.toggle("pf-v6-theme-dark", dark);
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  var texts = document.currentScript.dataset[language === "zh" ? "zh" : "en"];
  if (!texts) return;
  var link = document.createElement("link");
  link.rel = "modulepreload";
  link.crossOrigin = "";
  link.href = texts;
  document.head.append(link);
})();
