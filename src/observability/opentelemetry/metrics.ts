import type { Configuration } from '@mikro-orm/core';
import type { Attributes, BatchObservableCallback, Meter } from '@opentelemetry/api';
import { type ConnectionMessage, connections } from '../events.js';
import { type StatementMessage, statements } from '../statements.js';
import { poolNameOf, statementAttributes } from './conventions.js';

/** The pool of an engine, where it is one of this library's drivers. */
interface Counted {
  readonly poolState?: { readonly held: number; readonly idle: number; readonly waiting: number };
}

/** Seconds, as the conventions advise. */
const advice = { explicitBucketBoundaries: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10] };

/** Metrics of statements and of pools. Returns what ends it. */
export function measure(meter: Meter): () => void {
  const duration = meter.createHistogram('db.client.operation.duration', { unit: 's', advice });
  const waitTime = meter.createHistogram('db.client.connection.wait_time', { unit: 's', advice });
  const count = meter.createObservableUpDownCounter('db.client.connection.count', { unit: '{connection}' });
  const pending = meter.createObservableUpDownCounter('db.client.connection.pending_requests', { unit: '{request}' });
  const engines = new Set<WeakRef<object>>();
  const known = new WeakSet<object>();
  /** Those whose statements and connections another instrumentation counts. */
  const countedByOthers = new WeakSet<object>();
  const started = new WeakMap<object, number>();

  const onStatement = (message: unknown): void => {
    const { engine, isSeenByOthers } = message as StatementMessage;
    if (isSeenByOthers) {
      countedByOthers.add(engine);
    } else {
      started.set(message as object, performance.now());
    }
  };
  const onAnswer = (message: unknown): void => {
    const sent = message as StatementMessage;
    const start = started.get(sent);
    if (start !== undefined) {
      duration.record((performance.now() - start) / 1000, {
        ...statementAttributes(sent),
        ...(sent.failure === undefined ? {} : { 'error.type': sent.failure, 'db.response.status_code': sent.failure }),
      });
    }
  };
  const onConnection = (message: unknown): void => {
    const { engine, kind, waited } = message as ConnectionMessage;
    if (!known.has(engine)) {
      known.add(engine);
      engines.add(new WeakRef(engine));
    }
    if (kind === 'taken' && waited !== undefined) {
      waitTime.record(waited / 1000, poolOf(engine));
    }
  };
  const observe: BatchObservableCallback = (result) => {
    for (const reference of engines) {
      const engine = reference.deref();
      if (engine === undefined) {
        engines.delete(reference);
        continue;
      }
      const { poolState } = (engine as Configuration).getDriver().getConnection() as Counted;
      if (poolState !== undefined && !countedByOthers.has(engine)) {
        const pool = poolOf(engine);
        result.observe(count, poolState.held, { ...pool, 'db.client.connection.state': 'used' });
        result.observe(count, poolState.idle, { ...pool, 'db.client.connection.state': 'idle' });
        result.observe(pending, poolState.waiting, pool);
      }
    }
  };

  statements.start.subscribe(onStatement);
  statements.asyncEnd.subscribe(onAnswer);
  connections.asyncEnd.subscribe(onConnection);
  meter.addBatchObservableCallback(observe, [count, pending]);
  return () => {
    statements.start.unsubscribe(onStatement);
    statements.asyncEnd.unsubscribe(onAnswer);
    connections.asyncEnd.unsubscribe(onConnection);
    meter.removeBatchObservableCallback(observe, [count, pending]);
  };
}

const poolOf = (engine: object): Attributes => ({ 'db.client.connection.pool.name': poolNameOf(engine) });
