import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const worker = fileURLToPath(new URL('./worker.mjs', import.meta.url));

/** A peer in a process of its own, on one address. */
export class PeerProcess {
  #child;
  #answer;

  static async start(peer, url, poolSize) {
    const started = new PeerProcess();
    await started.#start(peer, url, poolSize);
    return started;
  }

  async #start(peer, url, poolSize) {
    this.name = peer.name;
    const file = new URL(`../peers/${peer.file ?? peer.name}.mjs`, import.meta.url).href;
    this.#child = fork(worker, [file, url, String(poolSize), JSON.stringify(peer.options ?? {})], {
      execArgv: ['--expose-gc'],
    });
    this.#child.on('message', (message) => this.#answer?.(message));
    this.#child.on('exit', (code) => this.#answer?.({ failure: `${peer.name} ended with ${code}` }));
    this.names = await this.#next();
  }

  /** Whether the peer has what the workload asks for. */
  has(workload) {
    return this.names.includes(workload.runs ?? workload.name);
  }

  async run(workload, first, operations) {
    const answer = this.#next();
    this.#child.send({ workload: workload.name, first, operations });
    return answer;
  }

  close() {
    this.#answer = undefined;
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.send('close');
    return gone;
  }

  #next() {
    return new Promise((resolve, reject) => {
      this.#answer = ({ result, failure }) => (failure === undefined ? resolve(result) : reject(new Error(failure)));
    });
  }
}

/** The processes of a run: one a peer and size of pool, started when it is first asked for. */
export class PeerProcesses {
  #url;
  #started = new Map();

  constructor(url) {
    this.#url = url;
  }

  /** The peer's process, undefined where it has nothing for the workload. */
  async for(peer, workload) {
    const key = `${peer.name} ${workload.poolSize}`;
    let started = this.#started.get(key);
    if (started === undefined) {
      started = await PeerProcess.start(peer, this.#url, workload.poolSize);
      this.#started.set(key, started);
    }
    return started.has(workload) ? started : undefined;
  }

  async closeAll() {
    await Promise.all([...this.#started.values()].map((started) => started.close()));
    this.#started.clear();
  }
}
