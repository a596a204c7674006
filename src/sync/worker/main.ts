import { workerData } from 'node:worker_threads';
import type { WorkerSetup } from '../protocol.js';
import { Connection } from './connection.js';

// The thread that openSync() starts: it imports the consumer's module, and does what the calling thread asks for.
await new Connection(workerData as WorkerSetup).start();
