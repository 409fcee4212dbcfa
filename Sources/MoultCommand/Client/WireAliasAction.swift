internal import MoultModel

/// An action on aliases as the admin API takes it.
struct WireAliasAction: Encodable {
  var action: String
  var alias: String
  var collection: String?
  var to: String?
  var with: String?
  var ifCurrent: String?
  var ifAbsent: Bool?
  var ifExists: Bool?

  init(_ action: AliasAction) {
    switch action {
    case .create(let alias, let collection, let ifAbsent):
      (self.action, self.alias) = ("create", alias)
      (self.collection, self.ifAbsent) = (collection, ifAbsent)
    case .alter(let alias, let collection, let ifCurrent):
      (self.action, self.alias) = ("alter", alias)
      (self.collection, self.ifCurrent) = (collection, ifCurrent)
    case .set(let alias, let collection):
      (self.action, self.alias) = ("set", alias)
      self.collection = collection
    case .drop(let alias, let ifCurrent, let ifExists):
      (self.action, self.alias) = ("drop", alias)
      (self.ifCurrent, self.ifExists) = (ifCurrent, ifExists)
    case .rename(let alias, let name, let ifCurrent):
      (self.action, self.alias) = ("rename", alias)
      (self.to, self.ifCurrent) = (name, ifCurrent)
    case .swap(let alias, let other):
      (self.action, self.alias) = ("swap", alias)
      self.with = other
    }
  }
}
