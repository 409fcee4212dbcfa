import Testing

@testable import MoultModel

@Suite("English stems")
struct EnglishStemmerTests {
  /// As snowballstemmer 2.0.0 (Python) has them: the examples of the algorithm's page, its exceptions, and words of
  /// our own documentation.
  private static let golden = """
    skis ski, skies sky, dying die, lying lie, tying tie, idly idl, gently gentl, ugly ugli, early \
    earli, only onli, singly singl, innings inning, outings outing, proceeding proceed, exceeds exceed, \
    consigned consign, consigning consign, consignment consign, consisted consist, consistency consist, \
    consistent consist, consistently consist, consolation consol, consolatory consolatori, knackeries \
    knackeri, kneeled kneel, knives knive, knightly knight, generate generat, generates generat, \
    generally general, communes commune, communication communic, cry cri, cries cri, ties tie, tied tie, \
    dies die, kiwis kiwi, gaps gap, caresses caress, ponies poni, cats cat, agreed agre, agreedly agre, \
    plastered plaster, motoring motor, conflated conflat, troubled troubl, sized size, hopping hop, \
    tanned tan, falling fall, hissing hiss, fizzed fizz, failing fail, filing file, happy happi, \
    relational relat, conditional condit, rational ration, valenci valenc, hesitanci hesit, digitizer \
    digit, conformabli conform, radicalli radic, differentli differ, vileli vile, analogousli analog, \
    vietnamization vietnam, predication predic, operator oper, feudalism feudal, decisiveness decis, \
    hopefulness hope, callousness callous, formaliti formal, sensitiviti sensit, sensibiliti sensibl, \
    triplicate triplic, formative format, formalize formal, electriciti electr, electrical electr, \
    hopeful hope, goodness good, revival reviv, allowance allow, inference infer, airliner airlin, \
    gyroscopic gyroscop, adjustable adjust, defensible defens, irritant irrit, replacement replac, \
    adjustment adjust, dependent depend, adoption adopt, activate activ, angulariti angular, homologous \
    homolog, effective effect, bowdlerize bowdler, probate probat, cease ceas, controll control, sexy \
    sexi, apology apolog, apologies apolog, geology geolog, archaeology archaeolog, hurriedly hurri, \
    feedly feed, beds bed, embed emb, above abov, oed o, oeds o, singing sing, being be, seeing see, \
    agreeing agre, dyed dy, eyed eye, buses buse, glasses glass, running run, runs run, easily easili, \
    fairly fair, sportingly sport, national nation, nationality nation, nationalities nation, \
    organization organ, organizations organ, university univers, universe univers, universal univers, \
    connection connect, connections connect, connective connect, connected connect, connecting connect, \
    matting mat, mating mate, matinee matine, succeeded succeed, naïve naïv, cafés café, élans élan, \
    salted salt, entries entri, naming name, circle circl, synchronous synchron, figures figur, \
    outstanding outstand, restarts restart, jobfailure jobfailur, sectors sector, lines line, thresholds \
    threshold, serving serv, lists list, pages page, memory memori, tails tail, therefore therefor, \
    everything everyth, names name, little littl, memorybytes memorybyt, restore restor, params param, \
    valued valu, everyone everyon, jobroomkeeper jobroomkeep, besides besid, always alway, recovery \
    recoveri, machine machin, flying fli, points point, failure failur, condition condit, arctangents \
    arctang, operating oper, segmentheader segmenthead, checksums checksum, folded fold, really realli, \
    accepted accept, parameters paramet, sense sens, procedure procedur, declares declar, sources sourc, \
    expression express, publishgeneration publishgener, durability durabl, geometric geometr, storage \
    storag, described describ, dependencies depend, turns turn, synced sync, listaliases listalias, \
    growingsegment growingseg, promised promis, nullable nullabl, merge merg, jobsimulationtests \
    jobsimulationtest, clients client, notable notabl, closes close, links link, imported import, \
    opening open, merged merg, tests test, beginning begin, retained retain, operateprivilege \
    operateprivileg, additions addit, counted count, uptime uptim, examples exampl, \
    generationverification generationverif, formats format, neighbours neighbour, catalogmigrations \
    catalogmigr, times time, rolls roll, lands land, traps trap, privileges privileg, optimistic \
    optimist, workers worker, wants want, sketches sketch, emulated emul, levelrotation levelrot, slows \
    slow, atomically atom, truncatecollection truncatecollect, indexed index, vectorencoder vectorencod, \
    upserts upsert, getpartitionstatistics getpartitionstatist, latency latenc, timeouts timeout, every \
    everi, claimed claim, mended mend, accepts accept, starts start, candidate candid, nothing noth, \
    addressed address, moultserver moultserv, anywhere anywher, reported report, checkpoints checkpoint, \
    catches catch, moults moult, minutes minut, searchparams searchparam, verbs verb, groupbyfields \
    groupbyfield, mending mend, together togeth, recall recal, niceness nice, retrying retri, looked \
    look, arrays array, voyager voyag, exactly exact, called call, goldencodes goldencod, actions \
    action, survives surviv, remembered rememb, ifcurrent ifcurr, calls call, database databas, \
    generation generat, rescoringpolicy rescoringpolici, compare compar, selectrole selectrol, retryable \
    retryabl, chains chain, lacks lack, refuses refus, variance varianc, csqlitepages csqlitepag, \
    passwords password, readers reader, models model, figure figur, moultjobs moultjob, inverted invert, \
    conditions condit, roundings round, tables tabl, encodingoptions encodingopt, replicas replica, \
    asking ask, errors error, putting put, attempts attempt, repeating repeat, promises promis, succeeds \
    succeed, searchable searchabl
    """

  /// Words that are their own stems.
  private static let unchanged = """
    sky news howe atlas cosmos bias andes inning outing canning herring earring proceed exceed succeed \
    consign consist knack knavish knee kneel knock knocker general generic generous commune communism \
    arsenal arsenic by say tie die gas this feed bled sing homologou rate roll yes young youth boyish \
    yyy sayyid bed shed bead rap trap entrap uproot bestow disturb ing ed bring us ss bus glass a it is \
    on at runner ran über 42nd 1990s x86 b2b twentieth bearer manual probe backup build factor \
    nameconflict owner scalar moulterror magic filter group openapi begun pbkdf turbovec rebuild \
    getpersistentsegmentinfo progress setup support parquet breadth stream against jaccard patch loader \
    element nprobe product cannot switchjob present unlink invalidvector jobnotfound person forward \
    whether three neither below diskann section sound model queue generationswap began insert heartbeat \
    moultqdrant schema found strict format leaselost clock qdranterror instant transform string million \
    writeaheadlog collectionnotfound unknown shutdown public milvus vectordb exact right pointer drawn \
    moultmilvus flight vector brute rebuilt metric golden begin narrow startswitch milvuserror faiss \
    ioerr outrun dispatch bitmap
    """

  @Test("are those of Snowball's second English algorithm")
  func stems() {
    for pair in Self.golden.split(separator: ",") {
      let words = pair.split(separator: " ").map(String.init)
      #expect(EnglishStemmer.stem(words[0]) == words[1], "\(words[0])")
    }
    for word in Self.unchanged.split(separator: " ").map(String.init) {
      #expect(EnglishStemmer.stem(word) == word)
    }
  }

  @Test("what shows a possessor is taken off, and so are quotes")
  func apostrophes() {
    for (word, stem) in [
      ("fox's", "fox"), ("foxes'", "fox"), ("'quoted'", "quot"), ("dogs's'", "dog"), ("don't", "don't"),
      ("''", "''"), ("'''", "'"), ("'s", "'s"), ("''s", ""), ("'s'", "s"),
    ] { #expect(EnglishStemmer.stem(word) == stem, "\(word)") }
  }
}
