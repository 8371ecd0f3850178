-- The knowledge base, version 2. Two halves: what was read (documents, runs and what each run found in each
-- document), and what is made of it (concepts across documents, edges, belief). The second half can always be
-- computed again from the first and from the decisions of reviewers.

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);

-- What makes statements: a task answered by certain engines. Its error rates are those of `belief.py`.
CREATE TABLE sources (
    source TEXT PRIMARY KEY,            -- "relations by pocket"
    task TEXT NOT NULL,
    engines TEXT NOT NULL,              -- JSON: engine by step
    reviewed INTEGER NOT NULL DEFAULT 0,
    wrong INTEGER NOT NULL DEFAULT 0,
    random_error DOUBLE NOT NULL,
    systematic_error DOUBLE NOT NULL
);

CREATE TABLE runs (
    run TEXT PRIMARY KEY,               -- first 16 digits of the fingerprint in its manifest
    source TEXT NOT NULL,
    version TEXT NOT NULL,              -- of the package that made it
    path TEXT NOT NULL,
    digest TEXT NOT NULL,               -- SHA-256 of predictions.jsonl as it was taken in
    status TEXT NOT NULL,
    started TEXT,
    finished TEXT,
    manifest TEXT NOT NULL,             -- JSON, whole
    added TEXT NOT NULL                 -- UTC, ISO 8601
);

CREATE TABLE documents (
    document TEXT PRIMARY KEY,
    digest TEXT NOT NULL,               -- SHA-256 of the text
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    passages TEXT NOT NULL,             -- JSON: [{section, start, end}]
    attributes TEXT NOT NULL,           -- JSON
    retracted BOOLEAN NOT NULL          -- nothing from a retracted document supports an edge
);

-- What one run says of one document. A document that changed loses the extractions from its earlier text.
CREATE TABLE extractions (
    document TEXT NOT NULL,
    run TEXT NOT NULL,
    digest TEXT NOT NULL,               -- SHA-256 of the record
    PRIMARY KEY (document, run)
);

CREATE TABLE mentions (
    document TEXT NOT NULL,
    run TEXT NOT NULL,
    position INTEGER NOT NULL,          -- in the record
    "start" INTEGER NOT NULL,           -- code points, end-exclusive, into documents.text
    "end" INTEGER NOT NULL,
    spans TEXT,                         -- JSON [[start, end], ...] of a discontinuous mention, else null
    text TEXT NOT NULL,
    type TEXT NOT NULL,
    alignment TEXT NOT NULL,
    confidence DOUBLE,
    concept TEXT NOT NULL
);

-- A concept across documents. `concept` is a CURIE ("MESH:D017239") where an id is known, else the type and
-- the normalised name ("drug:paclitaxel").
CREATE TABLE concepts (
    concept TEXT PRIMARY KEY,
    kind TEXT NOT NULL,                 -- drug, disease, gene, variant, species, cell, other
    name TEXT NOT NULL,                 -- the name met most often
    linked TEXT NOT NULL,               -- given: by the run; dictionary: by the build; not found; not tried
    vocabulary TEXT NOT NULL            -- digest of the vocabulary that was tried, '' for none
);

CREATE TABLE concept_names (
    concept TEXT NOT NULL,
    name TEXT NOT NULL,
    key TEXT NOT NULL,                  -- normalised, to look up by
    mentions INTEGER NOT NULL,
    PRIMARY KEY (concept, name)
);

-- A statement of one run about one document. `relation` hashes document, run and the id within the record.
CREATE TABLE relations (
    relation TEXT PRIMARY KEY,
    document TEXT NOT NULL,
    run TEXT NOT NULL,
    local TEXT NOT NULL,                -- its id within the record
    type TEXT NOT NULL,
    polarity TEXT NOT NULL,
    setting TEXT NOT NULL,
    confidence DOUBLE,
    origin TEXT,                        -- JSON: engine, step, answer, scenarios, log_odds
    reasoning TEXT,                     -- the chain of thought, where the run kept one
    attributes TEXT NOT NULL,           -- JSON
    edge TEXT NOT NULL
);

CREATE TABLE arguments (
    relation TEXT NOT NULL,
    position INTEGER NOT NULL,
    role TEXT NOT NULL,
    concept TEXT NOT NULL,
    mentions TEXT NOT NULL              -- JSON: positions in `mentions` of the same document and run
);

CREATE TABLE evidence (
    relation TEXT NOT NULL,
    position INTEGER NOT NULL,
    "start" INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    quote TEXT NOT NULL
);

CREATE TABLE conditions (
    condition TEXT PRIMARY KEY,         -- hash of document, run, relation, type and span
    document TEXT NOT NULL,
    run TEXT NOT NULL,
    relation TEXT,                      -- the relation it limits, null when the record names none
    type TEXT NOT NULL,
    "start" INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    text TEXT NOT NULL,
    alignment TEXT NOT NULL,
    polarity TEXT NOT NULL,
    confidence DOUBLE
);

-- Doses read from conditions of type Dosage. A range has low < high, a single value low = high.
CREATE TABLE doses (
    condition TEXT NOT NULL,
    position INTEGER NOT NULL,
    low DOUBLE NOT NULL,
    high DOUBLE NOT NULL,
    unit TEXT NOT NULL,                 -- mg, g, ug, mmol, IU, AUC, ...
    per TEXT NOT NULL,                  -- m2, kg, day, dose, ...; '' when not told
    route TEXT NOT NULL,
    frequency TEXT NOT NULL
);

-- The same relation from many documents. `edge` hashes type and the (role, concept) pairs in order of role and
-- concept, so that it is the same after every build.
CREATE TABLE edges (
    edge TEXT PRIMARY KEY,
    task TEXT NOT NULL,                 -- relations or combinations
    type TEXT NOT NULL,
    arity INTEGER NOT NULL,
    documents INTEGER NOT NULL,         -- that assert it and are not retracted
    against INTEGER NOT NULL,           -- documents that deny it, or assert an opposite of it
    contradicted BOOLEAN NOT NULL,
    accepted INTEGER NOT NULL,          -- documents for which reviewers confirm it
    rejected INTEGER NOT NULL,
    belief DOUBLE NOT NULL
);

CREATE TABLE edge_arguments (
    edge TEXT NOT NULL,
    position INTEGER NOT NULL,
    role TEXT NOT NULL,
    concept TEXT NOT NULL
);

-- Reviewers' standing decisions, copied from the append-only log beside the base. A decision is about an edge
-- in a document, so that it outlives runs and builds.
CREATE TABLE decisions (
    document TEXT NOT NULL,
    edge TEXT NOT NULL,
    reviewer TEXT NOT NULL,
    verdict TEXT NOT NULL,              -- accept, reject, edit
    change TEXT,                        -- JSON of an edit: type, arguments, evidence
    note TEXT NOT NULL,
    made TEXT NOT NULL,                 -- UTC, ISO 8601
    PRIMARY KEY (document, edge, reviewer)
);

-- How names were linked, so that it can be done anew when more is known (`linking.py`).
-- The names that a run has for a concept of a document, and how many mentions have each.
CREATE TABLE named (
    document TEXT NOT NULL,
    run TEXT NOT NULL,
    own TEXT NOT NULL,                  -- the concept by this record alone
    given BOOLEAN NOT NULL,             -- by an id
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    mentions INTEGER NOT NULL
);

-- What came without an id: a mention, or an argument of a relation.
CREATE TABLE unlinked (
    document TEXT NOT NULL,
    run TEXT NOT NULL,
    relation TEXT,
    position INTEGER NOT NULL,
    own TEXT NOT NULL
);

-- What names without an id stand for now.
CREATE TABLE links (
    own TEXT PRIMARY KEY,
    vocabulary TEXT NOT NULL,           -- digest of what it was looked up in, '' for nothing
    tried BOOLEAN NOT NULL,             -- the vocabulary has names of this kind
    found TEXT,
    concept TEXT NOT NULL
);

-- What another linking has moved in a document since decisions were last brought in; they follow it
-- (`following.py`), and these rows are gone.
CREATE TABLE edge_moves (
    step INTEGER NOT NULL,              -- moves of later steps begin where earlier ones ended
    document TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL
);

CREATE TABLE concept_moves (
    step INTEGER NOT NULL,
    document TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL
);

CREATE INDEX relations_of_document ON relations (document);
CREATE INDEX relations_of_edge ON relations (edge);
CREATE INDEX names_by_key ON concept_names (key);
CREATE INDEX arguments_of_relation ON arguments (relation);
CREATE INDEX evidence_of_relation ON evidence (relation);
CREATE INDEX arguments_of_edge ON edge_arguments (edge);
CREATE INDEX edges_of_concept ON edge_arguments (concept);
CREATE INDEX mentions_of_document ON mentions (document);
CREATE INDEX conditions_of_document ON conditions (document);
