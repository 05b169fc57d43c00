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

  /* The code of an invitation stands behind the `#`, which no server is sent. It leaves the address and
     the history before anything else runs, and waits in memory for the app to take it. */
  function takeInvitation() {
    if (location.hash || (location.pathname === "/join" && location.search)) {
      window.fenggeInvitation = location.hash.slice(1);
      history.replaceState(null, "", location.pathname);
    }
  }
  takeInvitation();
  /* A link that is followed while the page stands changes its address alone. */
  window.addEventListener("hashchange", function () {
    if (location.pathname === "/join" && location.hash) {
      location.reload();
    } else {
      takeInvitation();
    }
  });

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
