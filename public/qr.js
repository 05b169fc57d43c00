/* Reads and draws QR codes apart from the app. A reader that breaks on a picture is not used again:
   the app starts another worker. */
import init, { draw, read } from "__QR_SCRIPT__";

const ready = init({ module_or_path: "__QR_WASM__" });

onmessage = async ({ data }) => {
  try {
    await ready;
    const answer = typeof data === "string" ? draw(data) : read(data.data, data.width, data.height);
    postMessage(answer ?? null);
  } catch {
    close();
  }
};
