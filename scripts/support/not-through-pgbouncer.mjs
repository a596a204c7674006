/** Tests that can't pass through PgBouncer, each with its reason: a part of its full title, as mocha has it. */
export const cannotPass = [
  {
    title: 'that are several are tried in turn: the first that writes',
    why: 'compares the port of the DSN with the one that the server says it has, which is not the pooler’s',
  },
  {
    title: 'promise 30: after dispose() calls are refused, and the connections are closed',
    why: 'counts the server’s connections, which the pooler keeps',
  },
  {
    title: 'promise 30: a call without an answer is given up, and leaves no statement running and no lock behind',
    why: 'the same',
  },
  {
    title: 'promise 31: what is put back travels with COMMIT where the pool itself sets connections up',
    why: 'expects another server process after a connection was closed, and the pooler gives the one that it has',
  },
  {
    title: 'promise 7: where putting back fails, what is stored is told, and the connection is closed',
    why: 'the same',
  },
  { title: 'promise 16: find another connection where theirs died unnoticed', why: 'the same' },
  {
    title: 'what was asked for at connecting is there again',
    why: 'PgBouncer refuses `options` with settings that it does not know',
  },
  {
    title: 'know the server process and the transaction status of a client',
    why: 'the number that a client gets from PgBouncer is for cancelling, and no process of the server',
  },
  { title: 'forwards cancel requests, and counts them apart', why: 'the same' },
  {
    title: 'promise 8: a notification, which gets its id at COMMIT only',
    why: 'LISTEN needs a connection of one’s own, which transaction mode has not',
  },
  {
    title: 'takes in SQL that names no schema: the test can fail',
    why: 'sets the search_path of the database, which connections that the pooler has keep as it was',
  },
];
