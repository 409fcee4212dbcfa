internal import MoultModel
internal import MoultServer

/// Where a point keeps the partition that it belongs to: a member of its payload that Milvus' clients neither write nor
/// see. Points of the default partition have none.
enum PartitionField {
  /// In stored data: changing it makes points lose their partitions.
  static let name = "$partition"

  private static let path: FieldPath = [name]

  /// Points of any of these.
  ///
  /// - Parameter partitions: at least one.
  static func condition(_ partitions: [String]) -> PointFilter {
    let named = partitions.filter { $0 != MilvusOperations.partition }
    var parts: [PointFilter] = []
    if !named.isEmpty { parts.append(.field(path, .isOneOf(named.map { .string($0) }))) }
    if named.count < partitions.count { parts.append(.not(.field(path, .exists))) }
    return parts.count == 1 ? parts[0] : .any(parts)
  }

  /// A payload without the member becomes one with it.
  ///
  /// - Parameters:
  ///   - partition: a name that has been checked: it needs no escaping.
  ///   - payload: an object of JSON, or nothing.
  static func add(_ partition: String, to payload: String) -> String {
    guard partition != MilvusOperations.partition else { return payload }
    let member = "{\"\(name)\":\"\(partition)\""
    let rest = payload.utf8.drop { $0 != UInt8(ascii: "{") }.dropFirst()
    let isEmpty = rest.allSatisfy { [0x20, 0x09, 0x0A, 0x0D, UInt8(ascii: "}")].contains($0) }
    return isEmpty ? member + "}" : member + "," + String(decoding: rest, as: UTF8.self)
  }

  /// A payload with or without the member becomes one without it.
  static func removed(from payload: String) -> String {
    let bytes = Array(payload.utf8)
    guard let members = (try? JSONReader.parse(bytes))?.object?.members,
      members.contains(where: { $0.key == name })
    else { return payload }
    var json = JSONWriter(capacity: bytes.count)
    json.beginObject()
    for member in members where member.key != name {
      json.key(member.key)
      json.raw(bytes[member.text])
    }
    json.endObject()
    return members.count == 1 ? "" : String(decoding: json.bytes, as: UTF8.self)
  }
}
