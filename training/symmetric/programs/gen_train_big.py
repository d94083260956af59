import sys,numpy as np,os,time; from gen_big import make
name,bh,bw,lo,hi,count,seed=sys.argv[1],*map(int,sys.argv[2:])
rng=np.random.default_rng(seed); P=[];S=[];t=time.time()
while sum(map(len,P))<count:
    p,s=make(bh,bw,(lo,hi),50,rng); P.append(p);S.append(s)
    np.savez('data/tmp-%s.npz'%name,p=np.concatenate(P),s=np.concatenate(S),k=np.zeros(sum(map(len,P)),np.int8)); os.replace('data/tmp-%s.npz'%name,'data/%s.npz'%name)
    print(name,sum(map(len,P)),'%.0f s'%(time.time()-t),flush=True)
