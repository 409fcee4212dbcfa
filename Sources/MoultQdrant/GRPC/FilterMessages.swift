internal import Foundation
internal import MoultServer
internal import QdrantProto
internal import SwiftProtobuf

// Filters, as the JSON that REST takes for the same.

extension ProtoFilter {
  var json: JSON {
    var object = JSONObject()
    if !should.isEmpty { object["should"] = .array(should.map(\.json)) }
    if !must.isEmpty { object["must"] = .array(must.map(\.json)) }
    if !mustNot.isEmpty { object["must_not"] = .array(mustNot.map(\.json)) }
    if hasMinShould {
      object["min_should"] = .object([
        "conditions": .array(minShould.conditions.map(\.json)), "min_count": JSON(minShould.minCount),
      ])
    }
    return .object(object)
  }
}

extension ProtoCondition {
  var json: JSON {
    switch conditionOneOf {
    case .field(let field): field.json
    case .isEmpty(let condition): .object(["is_empty": .object(["key": .string(condition.key)])])
    case .isNull(let condition): .object(["is_null": .object(["key": .string(condition.key)])])
    case .hasID_p(let condition): .object(["has_id": .array(condition.hasID_p.map(\.json))])
    case .filter(let filter): filter.json
    case .nested(let nested):
      .object(["nested": .object(["key": .string(nested.key), "filter": nested.filter.json])])
    case .hasVector_p(let condition): .object(["has_vector": .string(condition.hasVector_p)])
    case .slice(let slice):
      .object(["slice": .object(["total": JSON(slice.total), "index": JSON(slice.index)])])
    case nil: .null
    }
  }
}

extension ProtoFieldCondition {
  fileprivate var json: JSON {
    var object: JSONObject = ["key": .string(key)]
    if hasMatch { object["match"] = match.json }
    if hasRange {
      object["range"] = bounds(
        range.hasLt ? .double(range.lt) : nil, range.hasGt ? .double(range.gt) : nil,
        range.hasGte ? .double(range.gte) : nil, range.hasLte ? .double(range.lte) : nil)
    }
    if hasDatetimeRange {
      let range = datetimeRange
      object["range"] = bounds(
        range.hasLt ? range.lt.json : nil, range.hasGt ? range.gt.json : nil,
        range.hasGte ? range.gte.json : nil, range.hasLte ? range.lte.json : nil)
    }
    if hasValuesCount {
      object["values_count"] = bounds(
        valuesCount.hasLt ? JSON(valuesCount.lt) : nil, valuesCount.hasGt ? JSON(valuesCount.gt) : nil,
        valuesCount.hasGte ? JSON(valuesCount.gte) : nil, valuesCount.hasLte ? JSON(valuesCount.lte) : nil)
    }
    if hasGeoBoundingBox {
      object["geo_bounding_box"] = .object([
        "top_left": geoBoundingBox.topLeft.json, "bottom_right": geoBoundingBox.bottomRight.json,
      ])
    }
    if hasGeoRadius {
      object["geo_radius"] = .object([
        "center": geoRadius.center.json, "radius": .double(Double(geoRadius.radius)),
      ])
    }
    if hasGeoPolygon {
      object["geo_polygon"] = .object([
        "exterior": geoPolygon.exterior.json, "interiors": .array(geoPolygon.interiors.map(\.json)),
      ])
    }
    if hasIsEmpty { object["is_empty"] = .bool(isEmpty) }
    if hasIsNull { object["is_null"] = .bool(isNull) }
    return .object(object)
  }

  private func bounds(_ lt: JSON?, _ gt: JSON?, _ gte: JSON?, _ lte: JSON?) -> JSON {
    var object = JSONObject()
    object["lt"] = lt
    object["gt"] = gt
    object["gte"] = gte
    object["lte"] = lte
    return .object(object)
  }
}

extension ProtoMatch {
  fileprivate var json: JSON {
    switch matchValue {
    case .keyword(let text): .object(["value": .string(text)])
    case .integer(let number): .object(["value": .int(number)])
    case .boolean(let bool): .object(["value": .bool(bool)])
    case .text(let text): .object(["text": .string(text)])
    case .keywords(let list): .object(["any": .array(list.strings.map(JSON.string))])
    case .integers(let list): .object(["any": .array(list.integers.map(JSON.int))])
    case .exceptIntegers(let list): .object(["except": .array(list.integers.map(JSON.int))])
    case .exceptKeywords(let list): .object(["except": .array(list.strings.map(JSON.string))])
    case .phrase(let text): .object(["phrase": .string(text)])
    case .textAny(let text): .object(["text_any": .string(text)])
    case .prefix(let text): .object(["prefix": .string(text)])
    case .substring(let text): .object(["substring": .string(text)])
    case nil: .object([:])
    }
  }
}

extension ProtoGeoPoint {
  var json: JSON { .object(["lon": .double(lon), "lat": .double(lat)]) }
}

extension ProtoGeoLineString {
  fileprivate var json: JSON { .object(["points": .array(points.map(\.json))]) }
}

extension Google_Protobuf_Timestamp {
  /// In RFC 3339; empty for a moment that it has no form for, which no reader takes.
  var json: JSON { .string((try? jsonText) ?? "") }

  private var jsonText: String {
    get throws { try String(jsonString().dropFirst().dropLast()) }
  }
}
