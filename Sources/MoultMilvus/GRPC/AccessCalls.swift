internal import MilvusProto
internal import MoultModel
internal import MoultServer
internal import SwiftProtobuf

/// Users, roles and privileges.
extension MilvusAPI {
  var accessCalls: [RPCMethod] { userCalls + roleCalls + grantCalls + privilegeGroupCalls }

  private var userCalls: [RPCMethod] {
    [
      rpc("CreateCredential", .administer, ProtoCreateCredentialRequest.self, isInDatabase: false) {
        request in
        try await operations.createUser(
          request.username, password: try MilvusOperations.decodedPassword(request.password),
          summary: request.description_p)
        return ProtoStatus()
      },
      rpc("UpdateCredential", .administer, ProtoUpdateCredentialRequest.self, isInDatabase: false) {
        request in
        try await operations.updatePassword(
          of: request.username, from: try MilvusOperations.decodedPassword(request.oldPassword),
          to: try MilvusOperations.decodedPassword(request.newPassword),
          summary: request.description_p.isEmpty ? nil : request.description_p)
        return ProtoStatus()
      },
      rpc("DeleteCredential", .administer, ProtoDeleteCredentialRequest.self, isInDatabase: false) {
        request in
        try await operations.dropUser(request.username)
        return ProtoStatus()
      },
      rpc("ListCredUsers", .administer, ProtoListCredUsersRequest.self, isInDatabase: false) { _ in
        ProtoListCredUsersResponse.with { $0.usernames = operations.users }
      },
      rpc("SelectUser", .administer, ProtoSelectUserRequest.self, isInDatabase: false) { request in
        let users = try operations.describeUsers(request.user.name)
        return ProtoSelectUserResponse.with {
          $0.results = users.map { user in
            .with {
              $0.user.name = user.name
              $0.description_p = user.summary
              if request.includeRoleInfo { $0.roles = user.roles.map { role in .with { $0.name = role } } }
            }
          }
        }
      },
    ]
  }

  private var roleCalls: [RPCMethod] {
    [
      rpc("CreateRole", .administer, ProtoCreateRoleRequest.self, isInDatabase: false) { request in
        try await operations.createRole(request.entity.name, summary: request.entity.description_p)
        return ProtoStatus()
      },
      rpc("AlterRole", .administer, ProtoAlterRoleRequest.self, isInDatabase: false) { request in
        try await operations.alterRole(request.roleName, summary: request.description_p)
        return ProtoStatus()
      },
      rpc("DropRole", .administer, ProtoDropRoleRequest.self, isInDatabase: false) { request in
        try await operations.dropRole(request.roleName, force: request.forceDrop)
        return ProtoStatus()
      },
      rpc("OperateUserRole", .administer, ProtoOperateUserRoleRequest.self, isInDatabase: false) { request in
        try await operations.setRole(
          request.roleName, ofUser: request.username, request.type == .add)
        return ProtoStatus()
      },
      rpc("SelectRole", .administer, ProtoSelectRoleRequest.self, isInDatabase: false) { request in
        let roles = try operations.describeRoles(request.role.name)
        return ProtoSelectRoleResponse.with {
          $0.results = roles.map { role in
            .with {
              $0.role.name = role.name
              $0.role.description_p = role.summary
              if request.includeUserInfo { $0.users = role.users.map { user in .with { $0.name = user } } }
            }
          }
        }
      },
    ]
  }

  private var grantCalls: [RPCMethod] {
    [
      rpc("SelectGrant", .administer, ProtoSelectGrantRequest.self) { request in
        let entity = request.entity
        let grants = try operations.grants(
          of: entity.role.name, object: entity.object.name, name: entity.objectName, database: entity.dbName)
        return ProtoSelectGrantResponse.with {
          $0.entities = grants.map { grant in
            .with {
              $0.role.name = entity.role.name
              $0.object.name = grant.object
              $0.objectName = grant.name
              $0.dbName = grant.database
              $0.grantor.user.name = grant.grantor
              $0.grantor.privilege.name = grant.privilege
            }
          }
        }
      },
      rpc("OperatePrivilege", .administer, ProtoOperatePrivilegeRequest.self) { request in
        let entity = request.entity
        try await operations.grant(
          entity.grantor.privilege.name, object: entity.object.name, name: entity.objectName,
          database: entity.dbName, role: entity.role.name, request.type == .grant)
        return ProtoStatus()
      },
      rpc("OperatePrivilegeV2", .administer, ProtoOperatePrivilegeV2Request.self) { request in
        try await operations.grant(
          request.grantor.privilege.name, collection: request.collectionName, database: request.dbName,
          role: request.role.name, request.type == .grant)
        return ProtoStatus()
      },
    ]
  }

  private var privilegeGroupCalls: [RPCMethod] {
    [
      rpc("CreatePrivilegeGroup", .administer, ProtoCreatePrivilegeGroupRequest.self, isInDatabase: false) {
        request in
        try await operations.createPrivilegeGroup(request.groupName)
        return ProtoStatus()
      },
      rpc("DropPrivilegeGroup", .administer, ProtoDropPrivilegeGroupRequest.self, isInDatabase: false) {
        request in
        try await operations.dropPrivilegeGroup(request.groupName)
        return ProtoStatus()
      },
      rpc("ListPrivilegeGroups", .administer, ProtoListPrivilegeGroupsRequest.self, isInDatabase: false) {
        _ in
        let groups = operations.privilegeGroups
        return ProtoListPrivilegeGroupsResponse.with {
          $0.privilegeGroups = groups.map { group in
            .with {
              $0.groupName = group.name
              $0.privileges = group.privileges.map { name in .with { $0.name = name } }
            }
          }
        }
      },
      rpc("OperatePrivilegeGroup", .administer, ProtoOperatePrivilegeGroupRequest.self, isInDatabase: false) {
        request in
        guard [.addPrivilegesToGroup, .removePrivilegesFromGroup].contains(request.type) else {
          throw MilvusError.invalidParameter("unsupported operate type: \(request.type.rawValue)")
        }
        try await operations.changePrivilegeGroup(
          request.groupName, request.privileges.map(\.name), isAdded: request.type == .addPrivilegesToGroup)
        return ProtoStatus()
      },
    ]
  }
}
