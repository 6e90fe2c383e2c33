// Before the first paint: the theme and the language that were chosen last, else the system's.
(function () {
  var theme = localStorage.getItem("theme") || "system";
  var dark = theme === "dark" || (theme === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  var language = localStorage.getItem("language") || (navigator.language.startsWith("zh") ? "zh" : "en");
  document.documentElement.classList.toggle("pf-v6-theme-dark", dark);
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
})();
