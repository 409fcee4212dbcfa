internal import ArgumentParser
internal import MoultModel

/// An action on aliases as a command line writes it: `VERB:ALIAS=NAME,CONDITION`.
struct AliasActionText: ExpressibleByArgument {
  var action: AliasAction

  static let forms = """
      create:ALIAS=COLLECTION   make an alias; ,if-absent refuses one that is there already
      alter:ALIAS=COLLECTION    move an alias; ,if-current=COLLECTION only if it points there now
      set:ALIAS=COLLECTION      make or move
      drop:ALIAS                ,if-current=COLLECTION; ,if-exists passes over one that is not there
      rename:ALIAS=NAME         ,if-current=COLLECTION
      swap:ALIAS=ALIAS          the two exchange their collections
    """

  init?(argument: String) {
    var parts = argument.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    let head = parts.removeFirst().split(separator: ":", maxSplits: 1).map(String.init)
    guard head.count == 2 else { return nil }
    let names = head[1].split(separator: "=", omittingEmptySubsequences: false).map(String.init)
    guard names.count == (head[0] == "drop" ? 1 : 2), names.allSatisfy({ !$0.isEmpty }) else { return nil }
    var ifCurrent: String?
    var flags: Set<String> = []
    for part in parts {
      let condition = part.split(separator: "=", maxSplits: 1).map(String.init)
      if condition.count == 2, condition[0] == "if-current", ifCurrent == nil {
        ifCurrent = condition[1]
      } else if !flags.insert(part).inserted {
        return nil
      }
    }
    let known: Set<String> = head[0] == "create" ? ["if-absent"] : head[0] == "drop" ? ["if-exists"] : []
    let takesCurrent = ["alter", "drop", "rename"].contains(head[0])
    guard flags.isSubset(of: known), takesCurrent || ifCurrent == nil else { return nil }
    let alias = names[0]
    switch head[0] {
    case "create": action = .create(alias, collection: names[1], ifAbsent: flags.contains("if-absent"))
    case "alter": action = .alter(alias, collection: names[1], ifCurrent: ifCurrent)
    case "set": action = .set(alias, collection: names[1])
    case "drop": action = .drop(alias, ifCurrent: ifCurrent, ifExists: flags.contains("if-exists"))
    case "rename": action = .rename(alias, to: names[1], ifCurrent: ifCurrent)
    case "swap": action = .swap(alias, with: names[1])
    default: return nil
    }
  }
}
