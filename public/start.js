/* Starts the app and keeps its service worker fresh. */
const RELOADED = "fengge.reloaded";
const UPDATE_CHECK_MS = 60 * 60 * 1000;

const tag = document.getElementById("start");
keepServiceWorker();

try {
  const { default: init } = await import(tag.dataset.script);
  await init({ module_or_path: tag.dataset.wasm });
  document.getElementById("fallback")?.remove();
  sessionStorage.removeItem(RELOADED);
} catch (error) {
  console.error(error);
  if (!reloadOnce()) {
    window.dispatchEvent(new Event("fengge:failed"));
  }
}

/* An update may have replaced files between this page and its code: one fresh start heals that. */
function reloadOnce() {
  try {
    if (sessionStorage.getItem(RELOADED)) return false;
    sessionStorage.setItem(RELOADED, "1");
  } catch {
    return false;
  }
  location.reload();
  return true;
}

/* A new version waits until the officer agrees (`skip-waiting`); the page only hears of it. */
async function keepServiceWorker() {
  if (!("serviceWorker" in navigator)) return;
  try {
    const worker = await navigator.serviceWorker.register("/sw.js", { updateViaCache: "none" });
    const announce = () => {
      if (worker.waiting && navigator.serviceWorker.controller) {
        window.dispatchEvent(new Event("fengge:update-ready"));
      }
    };
    announce();
    worker.addEventListener("updatefound", () => {
      worker.installing?.addEventListener("statechange", announce);
    });
    const check = () => {
      if (navigator.onLine) worker.update().catch(() => {});
    };
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") check();
    });
    setInterval(check, UPDATE_CHECK_MS);
  } catch (error) {
    console.warn("service worker", error);
  }
}
