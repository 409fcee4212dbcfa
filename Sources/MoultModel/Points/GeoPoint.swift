import Foundation

/// A place on the Earth, in degrees.
public struct GeoPoint: Sendable, Hashable {
  public var latitude: Double
  public var longitude: Double

  public init(latitude: Double, longitude: Double) {
    self.latitude = latitude
    self.longitude = longitude
  }

  /// Mean radius in metres (IUGG).
  private static let earthRadius = 6_371_008.8

  /// Metres along the sphere, by the haversine formula.
  public func distance(to other: GeoPoint) -> Double {
    func radians(_ degrees: Double) -> Double { degrees * .pi / 180 }
    let rise = sin(radians(other.latitude - latitude) / 2)
    let turn = sin(radians(other.longitude - longitude) / 2)
    let a = rise * rise + cos(radians(latitude)) * cos(radians(other.latitude)) * turn * turn
    return 2 * Self.earthRadius * asin(min(1, a.squareRoot()))
  }
}

/// A part of the Earth's surface; its edge is not in it.
public enum GeoArea: Sendable, Hashable {
  /// From west to east, across the antimeridian where `west > east`.
  case box(south: Double, west: Double, north: Double, east: Double)
  /// Less than `radius` metres from a place.
  case circle(GeoPoint, radius: Double)
  case polygon(GeoPolygon)

  public func contains(_ place: GeoPoint) -> Bool {
    switch self {
    case .box(let south, let west, let north, let east):
      let (x, y) = (place.longitude, place.latitude)
      return south < y && y < north && (west > east ? x > west || x < east : west < x && x < east)
    case .circle(let centre, let radius): return place.distance(to: centre) < radius
    case .polygon(let polygon): return polygon.contains(place)
    }
  }
}

/// A polygon with holes, on the plane of degrees.
public struct GeoPolygon: Sendable, Hashable {
  /// The outline, then the holes; each without its first corner repeated at the end.
  public var rings: [[GeoPoint]]

  public init(outline: [GeoPoint], holes: [[GeoPoint]] = []) {
    rings = ([outline] + holes).map { $0.count > 1 && $0.first == $0.last ? $0.dropLast() : $0 }
  }

  public var cornerCount: Int { rings.reduce(0) { $0 + $1.count } }

  /// Whether a place is inside the outline and outside the holes; edges are neither.
  ///
  /// - Complexity: O(corners).
  public func contains(_ place: GeoPoint) -> Bool {
    guard let outline = rings.first, Self.place(place, in: outline) == .inside else { return false }
    return rings.dropFirst().allSatisfy { Self.place(place, in: $0) == .outside }
  }

  private enum Position { case inside, edge, outside }

  /// Counts the edges that a ray from the place crosses (even-odd rule).
  private static func place(_ place: GeoPoint, in ring: [GeoPoint]) -> Position {
    guard var last = ring.last else { return .outside }
    let (x, y) = (place.latitude, place.longitude)
    var isInside = false
    for corner in ring {
      let (ax, ay, bx, by) = (corner.latitude, corner.longitude, last.latitude, last.longitude)
      let isOnLine = y * (ax - bx) + ay * (bx - x) + by * (x - ax) == 0
      if isOnLine, (ax - x) * (bx - x) <= 0, (ay - y) * (by - y) <= 0 { return .edge }
      if (ay > y) != (by > y), x < (bx - ax) * (y - ay) / (by - ay) + ax { isInside.toggle() }
      last = corner
    }
    return isInside ? .inside : .outside
  }
}
