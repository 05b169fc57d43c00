/* Serves the app without a network. The build fills in the version and the exact list of files,
   each with the first 16 hexadecimal digits of its SHA-256. A version is installed whole or not at
   all; it takes over only when the page asks for it; requests for data never pass through here. */
const VERSION = "__VERSION__";
const FILES = new Map(__FILES__);
const PREFIX = "fengge-";
const CACHE = PREFIX + VERSION;
const SHELL = "/index.html";
const KEPT_HEADERS = /^(content-type|content-security-policy|permissions-policy|referrer-policy|x-.*|cross-origin-.*)$/i;

const keyOf = (path) => path + "?r=" + FILES.get(path);

async function hashOf(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/* A plain copy: the stored bytes are no longer compressed, whatever the wire's headers said. */
async function verifiedCopy(path, response) {
  const body = await response.arrayBuffer();
  if ((await hashOf(body)) !== FILES.get(path)) return null;
  const headers = new Headers();
  response.headers.forEach((value, name) => {
    if (KEPT_HEADERS.test(name)) headers.set(name, value);
  });
  return new Response(body, { headers });
}

async function fromOlderVersion(path, older) {
  for (const name of older) {
    const found = await (await caches.open(name)).match(keyOf(path));
    const copy = found && (await verifiedCopy(path, found));
    if (copy) return copy;
  }
  return null;
}

async function fromNetwork(path) {
  const response = await fetch(path, { cache: "no-cache", credentials: "same-origin" });
  if (!response.ok) throw new Error("precache " + path + ": " + response.status);
  const copy = await verifiedCopy(path, response);
  if (!copy) throw new Error("precache " + path + ": not the bytes of this version");
  return copy;
}

async function install() {
  const older = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== CACHE);
  const cache = await caches.open(CACHE);
  await Promise.all(Array.from(FILES.keys(), async (path) => {
    if (await cache.match(keyOf(path))) return;
    await cache.put(keyOf(path), (await fromOlderVersion(path, older)) || (await fromNetwork(path)));
  }));
}

async function activate() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(PREFIX) && name !== CACHE)
    .map((name) => caches.delete(name)));
  await self.clients.claim();
}

async function answer(request, path) {
  let found;
  try {
    found = await (await caches.open(CACHE)).match(keyOf(path));
  } catch {
    /* A broken cache must not be worse than none. */
  }
  return found || fetch(request);
}

/* Which precached file answers this request; none for data and for what is not ours. */
function fileFor(request) {
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return null;
  if (url.pathname.startsWith("/api/") || url.pathname === "/health") return null;
  if (FILES.has(url.pathname)) return url.pathname;
  return request.mode === "navigate" ? SHELL : null;
}

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("fetch", (event) => {
  const path = fileFor(event.request);
  if (path) event.respondWith(answer(event.request, path));
});
self.addEventListener("message", (event) => {
  if (event.data === "skip-waiting") self.skipWaiting();
  if (event.data === "version") event.ports[0]?.postMessage(VERSION);
});
