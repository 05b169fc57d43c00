/* Before the first paint: theme, size and language. Old syntax on purpose: a browser that is too
   old for the app must still be able to run this and show the help text of the page. */
(function () {
  var root = document.documentElement;

  function stored(key, allowed) {
    var value = null;
    try {
      value = localStorage.getItem(key);
    } catch (error) {
      /* Storage is blocked: the defaults will do. */
    }
    return allowed.indexOf(value) < 0 ? allowed[0] : value;
  }

  root.setAttribute("data-theme", stored("fengge.theme", ["auto", "light", "dark", "sun"]));
  root.setAttribute("data-size", stored("fengge.size", ["normal", "large"]));
  root.setAttribute("lang", stored("fengge.locale", ["zh", "en"]) === "en" ? "en" : "zh-CN");

  /* The help text is for those who wait in vain; `start.js` removes all of it when the app stands. */
  var modern = "noModule" in document.createElement("script") && typeof WebAssembly === "object";
  var patience = modern ? 15000 : 0;
  function help() {
    var node = document.getElementById("fallback-help");
    if (node) {
      node.hidden = false;
    }
  }
  document.addEventListener("DOMContentLoaded", function () { setTimeout(help, patience); });
  window.addEventListener("fengge:failed", help);
  document.addEventListener("error", function (event) {
    if (event.target && event.target.id === "start") {
      help();
    }
  }, true);
})();
