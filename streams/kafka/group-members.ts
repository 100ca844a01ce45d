import {
  decodeConsumerProtocolAssignment,
  decodeConsumerProtocolSubscription,
  describeGroupsV5,
} from '@platformatic/kafka';
import { decodeMemberData } from './assignor.ts';
import type { Cluster } from './cluster.ts';

/** A member of a topology's group as the broker shows it. */
export interface GroupMemberInfo {
  readonly memberId: string;
  /** host:port where it answers queries; empty: nowhere. */
  readonly endpoint: string;
  /** Partition numbers that it has. */
  readonly partitions: readonly number[];
}

/** The members of a group and what they have; none while the group is empty or unknown. While it rebalances nothing is known of them. */
export async function describeMembers(cluster: Cluster, groupId: string): Promise<GroupMemberInfo[]> {
  return cluster.retry(async () => {
    const connection = await cluster.connection(await cluster.coordinator('group', groupId));
    const answer = await describeGroupsV5.api.async(connection, [groupId], false);
    return (answer.groups[0]?.members ?? []).map(({ memberId, memberMetadata, memberAssignment }) => {
      if (memberMetadata.length === 0) return { memberId, endpoint: '', partitions: [] };
      const { userData } = decodeConsumerProtocolSubscription(memberMetadata);
      const assigned = memberAssignment.length > 0 ? decodeConsumerProtocolAssignment(memberAssignment) : null;
      const partitions = new Set((assigned?.assignedPartitions ?? []).flatMap((topic) => topic.partitions));
      const { endpoint } = decodeMemberData(userData);
      return { memberId, endpoint, partitions: [...partitions].sort((a, b) => a - b) };
    });
  });
}
