import { MultiBar, Presets, type SingleBar } from 'cli-progress';

/** Where the run says what it does: lines of text and, where that is a terminal, a progress bar below them. */
export class Progress {
  readonly #stream: NodeJS.WriteStream;
  readonly #bars: MultiBar | undefined;
  readonly #bar: SingleBar | undefined;

  constructor(total: number, stream: NodeJS.WriteStream = process.stdout) {
    this.#stream = stream;
    if (stream.isTTY && total > 0) {
      // Ctrl-C is for the script to handle; and long lines of text shall not be cut off
      const options = { stream, format: '{bar} {value} of {total} lines', gracefulExit: false, linewrap: true };
      this.#bars = new MultiBar(options, Presets.shades_classic);
      this.#bar = this.#bars.create(total, 0);
    }
  }

  /** One more line was dealt with. */
  advance(): void {
    this.#bar?.increment();
  }

  say(text: string): void {
    if (this.#bars === undefined) {
      this.#stream.write(`${text}\n`);
    } else {
      this.#bars.log(`${text}\n`);
    }
  }

  /** The bar stays as it is then. */
  stop(): void {
    // text that came since the last redrawing would be lost
    this.#bars?.update();
    this.#bars?.stop();
  }
}
