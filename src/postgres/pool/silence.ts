/** In how many looks the patience is spent. */
const LOOKS = 10;

/**
 * Calls `onSilence` when nothing was heard for `patience` milliseconds; `heard` changes with whatever comes. Returns what ends the
 * watch.
 *
 * Time in which this process stood still is not the other side's silence: a timer that is late counts as one look, however
 * late it is, and each look is taken after the event loop has read what had come.
 */
export function watchSilence(patience: number, heard: () => unknown, onSilence: () => void): () => void {
  let last = heard();
  let left = LOOKS;
  let timer: NodeJS.Timeout | undefined;
  let immediate: NodeJS.Immediate | undefined;
  const wait = (): void => {
    timer = setTimeout(() => {
      immediate = setImmediate(look);
    }, patience / LOOKS);
  };
  const look = (): void => {
    const now = heard();
    left = now === last ? left - 1 : LOOKS;
    last = now;
    if (left > 0) {
      wait();
    } else {
      onSilence();
    }
  };
  wait();
  return () => {
    clearTimeout(timer);
    clearImmediate(immediate);
  };
}
