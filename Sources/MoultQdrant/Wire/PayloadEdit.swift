internal import MoultServer

/// What is done to a payload, in place.
enum PayloadEdit: Sendable {
  /// Puts members in; one that is null is taken out. With a path, into the object there.
  case set(JSONObject, at: QdrantPath?)
  case overwrite(JSONObject)
  case delete([QdrantPath])
  case clear

  /// Members that are hidden stay whatever is done.
  func apply(to payload: inout JSONObject) {
    switch self {
    case .set(let members, nil): payload = Self.merging(payload, members)
    case .set(let members, let path?):
      if case .object(let changed) = Self.set(.object(payload), path.steps[...], members) {
        payload = changed
      }
    case .overwrite(let members): payload = JSONObject(Self.hidden(payload) + members.members)
    case .delete(let paths):
      var removal = Removal()
      for path in paths { removal.insert(path.steps[...]) }
      if case .object(let changed) = removal.removed(from: .object(payload)) { payload = changed }
    case .clear: payload = JSONObject(Self.hidden(payload))
    }
  }

  private static func hidden(_ payload: JSONObject) -> [JSONObject.Member] {
    payload.members.filter { StoredPayload.isHidden($0.key) }
  }

  /// - Complexity: O(members of both): a scan of the object for each member would take hours for a million of them.
  private static func merging(_ object: JSONObject, _ members: JSONObject) -> JSONObject {
    var given = [String: JSON](minimumCapacity: members.members.count)
    for member in members.members { given[member.key] = member.value }
    var merged: [JSONObject.Member] = []
    merged.reserveCapacity(object.members.count + members.members.count)
    for member in object.members {
      guard let value = given.removeValue(forKey: member.key) else {
        merged.append(member)
        continue
      }
      if value != .null { merged.append(JSONObject.Member(key: member.key, value: value)) }
    }
    // Those that are left are new, and come in the order in which they were given.
    for member in members.members where member.value != .null && given[member.key] != nil {
      merged.append(JSONObject.Member(key: member.key, value: member.value))
    }
    return JSONObject(merged)
  }

  /// `value` with members put in where the path leads, objects and arrays made on the way where others stand.
  private static func set(
    _ value: JSON?, _ steps: ArraySlice<QdrantPath.Step>, _ members: JSONObject
  ) -> JSON {
    guard let step = steps.first else { return .object(merging(value?.object ?? JSONObject(), members)) }
    let rest = steps.dropFirst()
    switch step {
    case .key(let key):
      var object = value?.object ?? JSONObject()
      object[key] = set(object[key], rest, members)
      return .object(object)
    case .index(let index):
      guard var array = value?.array else { return .array([]) }
      if array.indices.contains(index) { array[index] = set(array[index], rest, members) }
      return .array(array)
    case .each:
      return .array((value?.array ?? []).map { set($0, rest, members) })
    }
  }

  /// Paths to be taken out, by their steps: a payload is gone through once for all of them.
  private struct Removal {
    /// Whether a path ends here.
    var isEnd = false
    var keys: [String: Removal] = [:]
    var indices: [Int: Removal] = [:]
    /// One at most.
    var each: [Removal] = []

    mutating func insert(_ steps: ArraySlice<QdrantPath.Step>) {
      guard let step = steps.first else {
        isEnd = true
        return
      }
      let rest = steps.dropFirst()
      switch step {
      case .key(let key): keys[key, default: Removal()].insert(rest)
      case .index(let index): indices[index, default: Removal()].insert(rest)
      case .each:
        if each.isEmpty { each.append(Removal()) }
        each[0].insert(rest)
      }
    }

    func removed(from value: JSON) -> JSON {
      switch value {
      case .object(let object) where !keys.isEmpty:
        var members: [JSONObject.Member] = []
        members.reserveCapacity(object.members.count)
        for member in object.members {
          guard let own = keys[member.key] else {
            members.append(member)
            continue
          }
          if own.isEnd { continue }
          members.append(JSONObject.Member(key: member.key, value: own.removed(from: member.value)))
        }
        return .object(JSONObject(members))
      case .array(var array):
        if let each = each.first {
          if each.isEnd { return .array([]) }
          array = array.map { each.removed(from: $0) }
        }
        // To delete an element by its place could not be done twice with the same outcome: where a path ends at one,
        // nothing is done.
        for (index, own) in indices where array.indices.contains(index) {
          array[index] = own.removed(from: array[index])
        }
        return .array(array)
      default: return value
      }
    }
  }
}
