//! Conversions of resources. The domain's type checks that the id has the format of its type; the wire type does not.

use crate::domain::{ResourceError, ResourceRef, ResourceType};

impl From<ResourceType> for stint_api::ResourceType {
    fn from(kind: ResourceType) -> Self {
        match kind {
            ResourceType::AwsAccount => Self::AwsAccount,
            ResourceType::AwsPermissionSet => Self::AwsPermissionSet,
            ResourceType::AwsS3Bucket => Self::AwsS3Bucket,
            ResourceType::AwsRdsInstance => Self::AwsRdsInstance,
            ResourceType::AwsEc2Instance => Self::AwsEc2Instance,
            ResourceType::AwsOrganizationalUnit => Self::AwsOrganizationalUnit,
        }
    }
}

impl From<stint_api::ResourceType> for ResourceType {
    fn from(kind: stint_api::ResourceType) -> Self {
        match kind {
            stint_api::ResourceType::AwsAccount => Self::AwsAccount,
            stint_api::ResourceType::AwsPermissionSet => Self::AwsPermissionSet,
            stint_api::ResourceType::AwsS3Bucket => Self::AwsS3Bucket,
            stint_api::ResourceType::AwsRdsInstance => Self::AwsRdsInstance,
            stint_api::ResourceType::AwsEc2Instance => Self::AwsEc2Instance,
            stint_api::ResourceType::AwsOrganizationalUnit => Self::AwsOrganizationalUnit,
        }
    }
}

impl From<ResourceRef> for stint_api::ResourceRef {
    fn from(resource: ResourceRef) -> Self {
        Self { kind: resource.kind().into(), id: resource.id().to_owned() }
    }
}

impl TryFrom<stint_api::ResourceRef> for ResourceRef {
    type Error = ResourceError;

    fn try_from(resource: stint_api::ResourceRef) -> Result<Self, ResourceError> {
        Self::new(resource.kind.into(), resource.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_has_one_name_on_the_wire_and_in_the_table() {
        for kind in ResourceType::ALL {
            let wire = stint_api::ResourceType::from(kind);
            assert_eq!(serde_json::json!(wire), kind.as_str());
            assert_eq!(ResourceType::from(wire), kind);
        }
    }
}
