import { expect } from 'chai';
import { engineOptions, MikroOrmEngineFactory, MikroOrmRepository, MikroOrmUnitOfWork } from '../../src/index.js';
import { forEachEngine } from '../support/engines.js';
import { type ColumnKind, columnKinds, firstSheet, Sheet } from '../support/kinds/columns.js';
import { rejection } from '../support/rejection.js';

class SheetRepository extends MikroOrmRepository<Sheet> {
  protected readonly entity = Sheet;
}

class SheetUnitOfWork extends MikroOrmUnitOfWork.of({ sheets: SheetRepository }) {}

type Unit = Awaited<ReturnType<SheetUnitOfWork['begin']>>;
type Change = (sheet: Sheet, u: Unit) => unknown;

const reason = new Error('the inner unit fails');
const populate = ['lazy', 'scalarReference'] as const;

/** The ways in which what an inner unit changed is undone. */
const failures: Record<string, (outer: Unit, sheet: Sheet, change: Change, uow: SheetUnitOfWork) => Promise<unknown>> =
  {
    'fails before its flush': (outer, sheet, change) =>
      outer.run(async (u) => {
        await change(sheet, u);
        throw reason;
      }),
    'fails after its flush': (outer, sheet, change) =>
      outer.run(async (u) => {
        await change(sheet, u);
        await u.flush();
        throw reason;
      }),
    'reads it again by a statement of its own, and fails': (outer, sheet, change) =>
      outer.run(async (u) => {
        await change(sheet, u);
        await u.flush();
        await u.sheets.retrieve(sheet.id, { refresh: true, populate } as never);
        throw reason;
      }),
    'succeeds in a unit that fails': (outer, sheet, change) =>
      outer.run(async (middle) => {
        await middle.run((u) => change(sheet, u));
        throw reason;
      }),
    'fails side by side with one that succeeds': async (outer, sheet, change) => {
      const [failed] = await Promise.allSettled([
        outer.run(async (u) => {
          await change(sheet, u);
          await u.flush();
          throw reason;
        }),
        outer.run((u) => u.sheets.count()),
      ]);
      throw (failed as PromiseRejectedResult).reason;
    },
    'shares the transaction of one that fails': (outer, sheet, change, uow) =>
      outer.run(async () => {
        await uow.run((u) => change(sheet, u), { propagation: 'required' });
        throw reason;
      }),
    'is an em.transactional that fails': (outer, sheet, change) =>
      outer.session.transactional(async (session) => {
        await change(sheet, outer);
        await session.flush();
        throw reason;
      }),
    'was opened by begin() and is rolled back': async (outer, sheet, change) => {
      const inner = await outer.begin();
      await change(sheet, inner);
      await inner.flush();
      await inner.rollback();
      throw reason;
    },
  };

describe('columns that an inner unit changed', () => {
  forEachEngine((engine) => {
    let engineFactory: MikroOrmEngineFactory;
    let uow: SheetUnitOfWork;
    let drop: () => Promise<void>;
    const sent: string[] = [];

    before(async function () {
      this.timeout(60_000); // PGlite takes its time on a busy machine
      const database = await engine.dsn();
      drop = database.drop;
      engineFactory = new MikroOrmEngineFactory(
        engineOptions(
          { dsn: database.dsn, poolSize: 2 },
          {
            entities: [Sheet],
            debug: ['query'],
            colors: false,
            logger: (line) => void sent.push(line.replace(/^\[query\] /, '')),
          },
        ),
      );
      uow = new SheetUnitOfWork(engineFactory);
      await (await engineFactory.create()).schema.create();
      await uow.run((u) => u.sheets.create(firstSheet() as never));
    });
    after(async () => {
      await engineFactory.dispose({ timeout: 0 });
      await drop();
    });

    /** Runs `work` in a unit that is rolled back afterwards, so that the next test finds the same row. */
    const inUnit = (work: (outer: Unit) => Promise<void>) =>
      uow.run(async (outer) => {
        await work(outer);
        await outer.rollback();
      });
    const load = async (u: Unit) => (await u.sheets.retrieve(1, { populate })) as Sheet;
    const see = (sheet: Sheet, { name }: ColumnKind) => sheet[name];
    /** The columns as the database spells them. */
    const row = async ({ session }: Unit) =>
      session.execute<Record<string, string>[]>('select to_jsonb(sheet)::text as row from sheet');
    const writes = async (outer: Unit) => {
      sent.splice(0);
      await outer.flush();
      return sent.filter((sql) => /^(insert|update|delete)/.test(sql));
    };

    for (const column of columnKinds) {
      const changes: [string, Change][] = [
        ['replaced', (sheet) => Object.assign(sheet, { [column.name]: column.other() })],
        ...(column.inPlace === undefined
          ? []
          : ([['changed in place', (sheet: Sheet) => column.inPlace?.(sheet[column.name] as never)]] as const)),
      ] as [string, Change][];
      for (const [how, change] of changes) {
        it(`promise 10: "${column.name}", ${how}: is again what the database holds, however the inner unit ends`, () =>
          inUnit(async (outer) => {
            const sheet = await load(outer);
            const first = structuredClone(see(sheet, column));
            const prototype = Object.getPrototypeOf(see(sheet, column) ?? {});
            const stored = await row(outer);
            for (const [name, fail] of Object.entries(failures)) {
              expect(await rejection(fail(outer, sheet, change, uow)), name).to.equal(reason);
              expect(structuredClone(see(sheet, column)), name).to.deep.equal(first);
              expect(Object.getPrototypeOf(see(sheet, column) ?? {}), name).to.equal(prototype);
              expect(await writes(outer), name).to.deep.equal([]);
            }
            // what is changed then is stored, and nothing else
            sheet.plain = 5;
            expect(await writes(outer)).to.have.length(1);
            const changed = JSON.parse((stored[0] as { row: string }).row) as { plain: number };
            expect(JSON.parse(((await row(outer))[0] as { row: string }).row)).to.deep.equal({ ...changed, plain: 5 });

            await outer.run((u) => change(sheet, u));
            const kept = await row(outer);
            expect(kept).not.to.deep.equal(stored);
            expect(await writes(outer)).to.deep.equal([]);
          }));
      }
    }
  });
});
