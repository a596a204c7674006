import { context, type Span, SpanKind, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api';
import { type CommitMessage, commits, type RetryMessage, retries } from '../events.js';
import { type StatementMessage, statements } from '../statements.js';
import { type RunMessage, runUnitsInside, type UnitMessage, units } from '../units.js';
import { attributesOf, errorType, statementAttributes, withoutValues } from './conventions.js';

/** Spans for units, in whose context their work and statements run, and for statements. Returns what ends it. */
export function traceUnitsAndStatements(tracer: Tracer, { statementText }: { statementText: boolean }): () => void {
  const stops = [traceUnits(tracer), traceStatements(tracer, statementText)];
  return () => {
    for (const stop of stops) {
      stop();
    }
  };
}

function traceUnits(tracer: Tracer): () => void {
  const around = <T>({ engine, name, propagation, isInner }: RunMessage, run: () => Promise<T>): Promise<T> => {
    const attributes = {
      ...attributesOf(engine),
      'mikro_orm_uow.propagation': propagation,
      'mikro_orm_uow.inner': isInner,
    };
    const span = tracer.startSpan(name, { kind: SpanKind.INTERNAL, attributes });
    return context.with(trace.setSpan(context.active(), span), async () => {
      try {
        return await run();
      } catch (error) {
        fail(span, errorType(error));
        throw error;
      } finally {
        span.end();
      }
    });
  };
  const onUnit = (message: unknown): void => {
    const { attempt, status, statements: sent, roundTrips, rows } = message as UnitMessage;
    trace.getActiveSpan()?.setAttributes({
      'mikro_orm_uow.attempts': attempt,
      'mikro_orm_uow.status': status,
      'mikro_orm_uow.statements': sent,
      'mikro_orm_uow.round_trips': roundTrips,
      ...Object.fromEntries(Object.entries(rows).map(([entity, count]) => [`mikro_orm_uow.rows.${entity}`, count])),
    });
  };
  const onRetry = (message: unknown): void => {
    const { attempt, reason, pause } = message as RetryMessage;
    trace.getActiveSpan()?.addEvent('retry', {
      'mikro_orm_uow.attempt': attempt,
      'mikro_orm_uow.pause': pause,
      'error.type': errorType(reason),
    });
  };
  const onCommit = (message: unknown): void => {
    const { outcome, learnt } = message as CommitMessage;
    trace
      .getActiveSpan()
      ?.addEvent('commit', { 'mikro_orm_uow.outcome': outcome, 'mikro_orm_uow.outcome_learnt': learnt });
  };
  const stop = runUnitsInside(around);
  units.asyncEnd.subscribe(onUnit);
  retries.start.subscribe(onRetry);
  commits.asyncEnd.subscribe(onCommit);
  return () => {
    stop();
    units.asyncEnd.unsubscribe(onUnit);
    retries.start.unsubscribe(onRetry);
    commits.asyncEnd.unsubscribe(onCommit);
  };
}

function traceStatements(tracer: Tracer, statementText: boolean): () => void {
  const spans = new WeakMap<object, Span>();
  const onStart = (message: unknown): void => {
    const sent = message as StatementMessage;
    if (sent.isSeenByOthers) {
      return;
    }
    const attributes = statementAttributes(sent);
    const { 'db.operation.name': operation, 'db.collection.name': collection } = attributes;
    const span = tracer.startSpan(collection === undefined ? `${operation}` : `${operation} ${collection}`, {
      kind: SpanKind.CLIENT,
      attributes: { ...attributes, ...(statementText ? { 'db.query.text': withoutValues(sent.sql) } : {}) },
    });
    if (sent.before.length > 0) {
      span.setAttribute('mikro_orm_uow.before', sent.before.map(withoutValues));
    }
    spans.set(sent, span);
  };
  const onEnd = (message: unknown): void => {
    const sent = message as StatementMessage;
    const span = spans.get(sent);
    if (span === undefined) {
      return;
    }
    if (sent.failure !== undefined) {
      fail(span, sent.failure);
      span.setAttribute('db.response.status_code', sent.failure);
    } else if (sent.rows !== undefined && sent.rows > 1 && /^\s*insert\b/i.test(sent.sql)) {
      span.setAttribute('db.operation.batch.size', sent.rows);
    }
    span.end();
  };
  statements.start.subscribe(onStart);
  statements.asyncEnd.subscribe(onEnd);
  return () => {
    statements.start.unsubscribe(onStart);
    statements.asyncEnd.unsubscribe(onEnd);
  };
}

function fail(span: Span, type: string): void {
  span.setStatus({ code: SpanStatusCode.ERROR });
  span.setAttribute('error.type', type);
}
