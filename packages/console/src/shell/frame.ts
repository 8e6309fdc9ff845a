/** Longest wait for a frame: the browser draws none in a hidden page, a covered one, or when its compositor hangs. */
const noFrameMs = 500;

/** Calls with the next animation frame, or a little later where none comes: what is known must not pile up. Gives what takes it back. */
export function onFrame(draw: () => void): () => void {
  const cancel = (): void => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
  };
  const once = (): void => {
    cancel();
    draw();
  };
  const timer = setTimeout(once, noFrameMs);
  const frame = requestAnimationFrame(once);
  return cancel;
}
