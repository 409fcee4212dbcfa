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
      for path in paths {
        if case .object(let changed) = Self.removed(from: .object(payload), path.steps[...]) {
          payload = changed
        }
      }
    case .clear: payload = JSONObject(Self.hidden(payload))
    }
  }

  private static func hidden(_ payload: JSONObject) -> [JSONObject.Member] {
    payload.members.filter { StoredPayload.isHidden($0.key) }
  }

  private static func merging(_ object: JSONObject, _ members: JSONObject) -> JSONObject {
    var merged = object
    for member in members.members { merged[member.key] = member.value == .null ? nil : member.value }
    return merged
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

  private static func removed(from value: JSON, _ steps: ArraySlice<QdrantPath.Step>) -> JSON {
    guard let step = steps.first else { return value }
    let rest = steps.dropFirst()
    switch (step, value) {
    case (.key(let key), .object(var object)):
      if rest.isEmpty {
        object[key] = nil
      } else if let inner = object[key] {
        object[key] = removed(from: inner, rest)
      }
      return .object(object)
    case (.index(let index), .array(var array)):
      // To delete an element by its place could not be done twice with the same outcome.
      if !rest.isEmpty, array.indices.contains(index) { array[index] = removed(from: array[index], rest) }
      return .array(array)
    case (.each, .array(let array)):
      return .array(rest.isEmpty ? [] : array.map { removed(from: $0, rest) })
    default: return value
    }
  }
}
