import { Writable } from 'node:stream';
import { expect } from 'chai';
import { Progress } from '../../../examples/bank/progress.js';

/** A stream that remembers what was written to it. */
class Screen extends Writable {
  text = '';
  readonly columns = 80;

  constructor(readonly isTTY: boolean) {
    super();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

const show = (isTTY: boolean, lines: number): string => {
  const screen = new Screen(isTTY);
  const progress = new Progress(lines, screen as unknown as NodeJS.WriteStream);
  progress.advance();
  progress.say('line 3: refused');
  progress.stop();
  return screen.text;
};

describe("the bank example's progress bar", () => {
  it('is shown on a terminal, below the lines of text', () => {
    expect(show(true, 4)).to.match(/line 3: refused\n[\s\S]*█+░+ 1 of 4 lines[\s\S]*\n$/);
  });

  it('leaves no trace in a file or a pipe', () => {
    expect(show(false, 4)).to.equal('line 3: refused\n');
  });

  it('is not shown where there is nothing to do', () => {
    expect(show(true, 0)).to.equal('line 3: refused\n');
  });
});
