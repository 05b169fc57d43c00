/* Starts the app, shows the last page when it stops, and keeps its service worker fresh. */
const FAILED = "fengge.failed-starts";
const STARTS_MAX = 20;
const AGAIN_MS = 10 * 1000;
/* Read and folded by the app at its next start. */
const STOPS = "fengge.stops";
const UPDATE_CHECK_MS = 60 * 60 * 1000;

const tag = document.getElementById("start");
/* Where a browser asks who may turn a string into code: our own two workers, and nothing else. No string
   ever becomes HTML. (The policy's name stands in the server's header.) */
const WORKERS = ["/sw.js", tag.dataset.qr];
window.trustedTypes?.createPolicy("default", {
  createScriptURL: (url) => (WORKERS.includes(url) ? url : null),
});
let stopped = false;
window.addEventListener("error", (event) => stop(event.error));
window.addEventListener("unhandledrejection", (event) => stop(event.reason));
keepServiceWorker();

try {
  const { default: init } = await import(tag.dataset.script);
  await init({ module_or_path: tag.dataset.wasm });
  document.getElementById("fallback")?.remove();
  forgetFailures();
} catch (error) {
  console.error(error);
  noteStop(error);
  startAgain(error);
}

/* A fault of ours ends the wasm in a trap, and so do an exhausted stack and exhausted memory,
   wherever it runs: in a listener or in a promise. Nothing inside could say so any more. */
function isTrap(error) {
  return error instanceof WebAssembly.RuntimeError
    || (error instanceof RangeError && /call stack|memory/i.test(error.message));
}

/* A page stops once: what a stopped program still does counts no more. */
function noteStop(error) {
  if (stopped || !isTrap(error)) return;
  stopped = true;
  try {
    localStorage.setItem(STOPS, String(Number(localStorage.getItem(STOPS)) + 1));
  } catch {
    /* Storage is blocked: nothing was read from it either. */
  }
}

/* Covers whatever is on the screen. What was typed stays in its draft, up to the last pause. */
function stop(error) {
  noteStop(error);
  if (!isTrap(error) || document.getElementById("stopped")) return;
  document.body.append(document.getElementById("last-page").content.cloneNode(true));
  document.querySelector(".stopped a").focus();
}

/* An update may have replaced files between this page and its code: one fresh start heals that. A
   line that breaks needs more of them; what came whole is in the browser's cache. */
function startAgain(error) {
  const starts = countStart();
  if (starts === 1) {
    reload();
    return;
  }
  stop(error);
  window.dispatchEvent(new Event("fengge:failed"));
  if (stopped || starts > STARTS_MAX) return;
  setTimeout(reload, AGAIN_MS);
  window.addEventListener("online", reload, { once: true });
}

/* An invitation that nobody has taken yet comes along: `boot.js` takes it out of the address again. */
function reload() {
  if (window.fenggeInvitation) history.replaceState(null, "", "#" + window.fenggeInvitation);
  location.reload();
}

/* How many starts have failed in a row; too many where that cannot be kept. */
function countStart() {
  try {
    const starts = Number(sessionStorage.getItem(FAILED)) + 1;
    sessionStorage.setItem(FAILED, String(starts));
    return starts;
  } catch {
    return STARTS_MAX + 1;
  }
}

function forgetFailures() {
  try {
    sessionStorage.removeItem(FAILED);
  } catch {
    /* Storage is blocked: none were counted. */
  }
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
