import { inspect } from 'node:util';
import { expect } from 'chai';
import {
  ConfigurationError,
  engineOptions,
  MikroOrmConnectionProxy,
  MikroOrmEngineFactory,
} from '../../../src/index.js';
import { forEachEngine } from '../../support/engines.js';
import { execute } from '../../support/execute.js';
import { rejection } from '../../support/rejection.js';
import { AuthorRepository, libraryEntities } from '../library.js';
import { forEachLibrary } from '../library-database.js';

const token = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Cursors that are none of an order of these columns and the key. */
const forged: readonly [orderBy: object | undefined, cursors: readonly unknown[]][] = [
  [
    undefined,
    [
      ...['x', '', '1e400', '1.5', ' 1', '0x1', '2147483648', '-2147483649', '1\u0000', 'NaN', '1;'].map((part) => [
        part,
      ]),
      ...[true, 1, 1.5, null, [1, 2], ['1'], {}, { $ne: null }].map((part) => [part]),
      ...[[], ['1', '2'], ['nope', 1], [5, 1], '1', 1, null, {}, { 0: '1', length: 1 }],
      Array.from({ length: 100_000 }, () => '1'),
      ['1'.repeat(900_000)],
    ],
  ],
  [
    { name: 'asc' },
    [['a\u0000', '1'], ['a', 'x'], [5, '1'], [null, '1'], ['\ud800', '1'], ['a'], ['1', 'a'], [['a'], '1']],
  ],
  [
    { born: 'desc' },
    [
      ...['', 'x', 'now', 'today', 'epoch', '2026-01-01', '2026-02-30 00:00:00+00', '2025-02-29 00:00:00+00'],
      ...['2026-13-01 00:00:00+00', '0000-01-01 00:00:00+00', '294277-01-01 00:00:00+00', '5000-01-01 00:00:00+00 BC'],
      ...['2026-01-01 24:00:01+00', '2026-01-01 00:60:00+00', '2026-01-01 00:00:00+16', '1'.repeat(100_000)],
    ].map((part) => [part, '1']),
  ],
  [
    { settings: 'asc' },
    [
      '',
      '{',
      '{"a":}',
      '1e400000',
      '"\\u0000"',
      '"\\ud800"',
      '['.repeat(100_000),
      `${'['.repeat(5000)}${']'.repeat(5000)}`,
      'nul',
    ].map((part) => [part, '1']),
  ],
  [
    { home: { city: 'asc' } },
    [
      [1, '1'],
      [{ city: 'a' }, '1'],
      ['\u0000', '1'],
    ],
  ],
];

describe('promise 31: a cursor from a request', () => {
  forEachLibrary((library) => {
    it('is refused before anything is sent, and aborts nothing, where it is none of this order', async () => {
      await library.rows(`insert into author (name) values ('a'), ('b')`);
      library.forget();
      await library.run(async ({ authors }) => {
        for (const [orderBy, cursors] of forged) {
          for (const cursor of [
            ...cursors.map(token),
            'x',
            '%%%',
            `${token(['1'])}=`,
            ` ${token(['1'])}`,
            token(['1']).slice(1),
          ]) {
            for (const at of [
              { first: 1, after: cursor },
              { last: 1, before: cursor },
            ]) {
              const error = await rejection(authors.page({}, { ...at, orderBy } as never));
              expect(error, cursor.slice(0, 80)).to.be.instanceOf(ConfigurationError);
              expect(error.message.length).to.be.lessThan(300);
            }
          }
        }
        expect(library.sql()).to.deep.equal([]);
        expect(await authors.count()).to.equal(2);
      });
    });

    it('is refused in linear time', async () => {
      await library.run(async ({ authors }) => {
        const time = async (part: string, orderBy: object) => {
          const after = token([part, '1']);
          let best = Number.POSITIVE_INFINITY;
          for (let round = 0; round < 5; round += 1) {
            const start = performance.now();
            await rejection(authors.page({}, { first: 1, after, orderBy } as never));
            best = Math.min(best, performance.now() - start);
          }
          return best + 0.5;
        };
        for (const [orderBy, piece] of [
          [{ name: 'asc' }, '\u0000 a'],
          [{ born: 'asc' }, '2026'],
          [{ settings: 'asc' }, '"\\'],
          [{ version: 'asc' }, '111'],
        ] as const) {
          const small = await time(piece.repeat(10_000), orderBy);
          const large = await time(piece.repeat(80_000), orderBy);
          expect(large / small, JSON.stringify([orderBy, piece])).to.be.lessThan(40);
        }
      });
    });

    it('is not made of an order that can not be continued, and nothing is sent', async () => {
      const names = (count: number) => Array.from({ length: count }, (_, index) => `n${index}`);
      const deep = names(2000).reduce<unknown>((inner, name) => ({ [name]: inner }), 'asc');
      const orders: unknown[] = [
        { settings: { 'a?': 'asc' } },
        { settings: { $a: 'asc' } },
        { settings: { 'a\u0000': 'asc' } },
        { settings: { '': 'asc' } },
        { settings: { a: ['asc'] } },
        { settings: { a: 'asc; drop table author' } },
        JSON.parse('{"settings": {"__proto__": "asc"}}'),
        { settings: deep },
        { settings: Object.fromEntries(names(5000).map((name) => [name, 'asc'])) },
        { books: { title: 'asc' } },
        { home: 'asc' },
        { name: { a: 'asc' } },
      ];
      await library.run(async ({ authors }) => {
        for (const orderBy of orders) {
          const error = await rejection(authors.page({}, { first: 1, orderBy } as never));
          expect(error, JSON.stringify(orderBy).slice(0, 60)).to.be.instanceOf(ConfigurationError);
          expect(error.message.length).to.be.lessThan(500);
        }
      });
      expect(library.sql()).to.deep.equal([]);
    });

    it('that shows a hidden field is never made', async () => {
      await library.run(async ({ authors }) => {
        const error = await rejection(authors.page({}, { first: 1, orderBy: { secret: 'asc' } }));
        expect(error).to.be.instanceOf(ConfigurationError);
        expect(error.message).to.include('cursorSecret');
      });
      expect(library.sql()).to.deep.equal([]);
    });
  });

  forEachEngine((engine) => {
    describe('with a secret', () => {
      const factories: MikroOrmEngineFactory[] = [];
      let drop: () => Promise<void>;
      let authors: AuthorRepository;

      before(async function () {
        this.timeout(60_000);
        const made = await engine.dsn();
        drop = made.drop;
        const options = engineOptions(
          { dsn: made.dsn, poolSize: 2 },
          { entities: libraryEntities, cursorSecret: 'not to be guessed' },
        );
        const engineFactory = new MikroOrmEngineFactory(options);
        factories.push(engineFactory);
        const orm = await engineFactory.create();
        await orm.schema.create();
        await execute(
          orm.em.fork(),
          `insert into author (name, secret) select 'n' || i, case when i % 3 > 0 then 'hush ' || i % 2 end from generate_series(1, 7) as i`,
        );
        authors = new AuthorRepository(new MikroOrmConnectionProxy(engineFactory));
      });
      after(async () => {
        await factories[0]?.dispose();
        await drop();
      });

      it('goes along a hidden field, and does not show it', async () => {
        const orderBy = { secret: 'desc' } as const;
        const ids: number[] = [];
        for (let after: string | undefined; ; ) {
          const page = await authors.page({}, { first: 2, after, orderBy });
          ids.push(...page.items.map(({ id }) => id));
          const { endCursor } = page;
          expect(Buffer.from(String(endCursor), 'base64url').toString('latin1')).not.to.include('hush');
          expect(page.endCursor).to.equal(endCursor);
          if (!page.hasNextPage) {
            break;
          }
          after = endCursor as string;
        }
        expect(ids).to.deep.equal([6, 3, 7, 5, 1, 4, 2]);
      });

      it('is refused where a single bit differs, or it is of another order, class or secret, or has no secret', async () => {
        const good = (await authors.page({}, { first: 2, orderBy: { name: 'asc' } })).endCursor as string;
        expect((await authors.page({}, { first: 1, after: good, orderBy: { name: 'asc' } })).items).to.have.length(1);
        const bytes = Buffer.from(good, 'base64url');
        const changed = Array.from({ length: bytes.length * 8 }, (_, bit) => {
          const copy = Buffer.from(bytes);
          copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
          return copy.toString('base64url');
        });
        const others = [good.slice(0, -4), `${good}AAAA`, '', 'AAAA', token(['n2', '2'])];
        for (const after of [...changed, ...others]) {
          const error = await rejection(authors.page({}, { first: 1, after, orderBy: { name: 'asc' } }));
          expect(error, after).to.be.instanceOf(ConfigurationError);
        }
        for (const orderBy of [undefined, { name: 'desc' }, { home: { city: 'asc' } }] as const) {
          expect(await rejection(authors.page({}, { first: 1, after: good, orderBy }))).to.be.instanceOf(
            ConfigurationError,
          );
        }
      });

      it('is not in what is printed of the engine', async () => {
        const orm = await factories[0]?.create();
        expect(inspect(orm?.config, { depth: 2, showHidden: true })).not.to.include('not to be guessed');
        expect(inspect(orm, { depth: 3 })).not.to.include('not to be guessed');
        expect(inspect(factories[0], { depth: 3, showHidden: true })).not.to.include('not to be guessed');
      });

      it('has to be a text', async () => {
        for (const cursorSecret of ['', 5, {}, null]) {
          const factory = new MikroOrmEngineFactory({ cursorSecret } as never);
          const error = await rejection(factory.create());
          expect(error).to.be.instanceOf(ConfigurationError);
          expect(error.message).to.include('cursorSecret');
        }
      });
    });
  });
});
